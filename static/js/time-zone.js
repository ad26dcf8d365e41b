// Tells the server the time zone of this browser, so that the first person here does not have to.
for (const field of document.querySelectorAll("[data-fill-time-zone]")) {
  field.value ||= Intl.DateTimeFormat().resolvedOptions().timeZone;
}
