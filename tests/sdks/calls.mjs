// A typical call and a refused one with each Node SDK, as its user writes them: only base URL and key are ours.
// Asked by one JSON argument, {base: {vendor: url}, token, typed}; tells one JSON line, {vendor: [given, error, code]}.
import { Client as HubSpot } from "@hubspot/api-client";
import { Client as Notion } from "@notionhq/client";
import { WebClient } from "@slack/web-api";
import OpenAI from "openai";
import Stripe from "stripe";

const { base, token, typed } = JSON.parse(process.argv[2]);

async function told(good, bad, code) {
  const given = await good();
  try {
    await bad();
  } catch (error) {
    return [given, error.constructor.name, String(code(error))];
  }
  return [given, "", ""];
}

const calls = {
  // Base URL: baseURL.
  openai: () => {
    const client = new OpenAI({ baseURL: base.openai, apiKey: token });
    const ask = (model, content) => client.chat.completions.create({ model, messages: [{ role: "user", content }] });
    return told(
      async () => (await ask("gpt-5-mini", "Hello")).choices[0].message.content,
      () => ask("gpt-none", `password=${typed}`),
      (error) => error.code,
    );
  },
  // Base URL: host, port and protocol. It takes no path, so the path is put before each call's by the fetch that
  // Stripe.createFetchHttpClient takes.
  stripe: () => {
    const at = new URL(base.stripe);
    const behind = (url, init) => {
      const target = new URL(url);
      target.pathname = at.pathname + target.pathname;
      return fetch(target, init);
    };
    const client = new Stripe(token, {
      host: at.hostname, port: Number(at.port), protocol: "http", httpClient: Stripe.createFetchHttpClient(behind),
    });
    return told(
      async () => (await client.customers.retrieve("cus_1")).email,
      () => client.customers.update("cus_none", { metadata: { password: typed } }),
      (error) => error.code,
    );
  },
  // Base URL: slackApiUrl, which must end with a slash.
  slack: () => {
    const client = new WebClient(token, { slackApiUrl: `${base.slack}/` });
    return told(
      async () => (await client.chat.postMessage({ channel: "C1", text: "Hello, Ada" })).message.text,
      () => client.chat.postMessage({ channel: "C_NONE", text: "Hello" }),
      (error) => error.data.error,
    );
  },
  // Base URL: basePath.
  hubspot: () => {
    const client = new HubSpot({ accessToken: token, basePath: base.hubspot });
    return told(
      async () => (await client.crm.contacts.basicApi.getById("51")).properties.email,
      () => client.crm.contacts.basicApi.getById("none"),
      (error) => error.body.category,
    );
  },
  // Base URL: baseUrl; the SDK adds /v1/ itself.
  notion: () => {
    const client = new Notion({ auth: token, baseUrl: base.notion });
    const page = (digit) => client.pages.retrieve({ page_id: [8, 4, 4, 4, 12].map((n) => digit.repeat(n)).join("-") });
    return told(async () => (await page("1")).id, () => page("0"), (error) => error.code);
  },
};

const all = {};
for (const [vendor, call] of Object.entries(calls)) {
  all[vendor] = await call().catch((error) => ["", "unexpected", String(error.stack)]);
}
console.log(JSON.stringify(all));
