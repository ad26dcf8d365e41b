"""One settings file for every installation; what differs comes from `config/env.py`."""

from pathlib import Path
from urllib.parse import urlsplit

from django.utils.csp import CSP

from config import env as _env
from config.hardening import harden as _harden
from config.log_lines import logging_config as _logging_config

_harden()
BASE_DIR = Path(__file__).resolve().parent.parent
_environment = _env.load()
_read = _environment.read

KEYLODGE_HOME = _environment.home
KEYLODGE_BIND = _read("KEYLODGE_BIND")
KEYLODGE_PORT = _read("KEYLODGE_PORT")
KEYLODGE_PUBLIC_URL = _env.public_url(_read("KEYLODGE_PUBLIC_URL"), KEYLODGE_PORT)
KEYLODGE_WRAPPING_KEY = _read("KEYLODGE_WRAPPING_KEY")
KEYLODGE_BACKUP_PASSPHRASE = _read("KEYLODGE_BACKUP_PASSPHRASE")
KEYLODGE_TRUSTED_PROXIES = _read("KEYLODGE_TRUSTED_PROXIES")
KEYLODGE_ALLOWED_HOSTS = _read("KEYLODGE_ALLOWED_HOSTS")
KEYLODGE_ALLOWED_PRIVATE_HOSTS = _read("KEYLODGE_ALLOWED_PRIVATE_HOSTS")
KEYLODGE_WEB_PROCESSES = _read("KEYLODGE_WEB_PROCESSES")
KEYLODGE_REQUIRE_MFA = _read("KEYLODGE_REQUIRE_MFA")
KEYLODGE_KEEP_CALLS_DAYS = _read("KEYLODGE_KEEP_CALLS_DAYS")
KEYLODGE_KEEP_BODIES_DAYS = _read("KEYLODGE_KEEP_BODIES_DAYS")
KEYLODGE_KEEP_WEBHOOKS_DAYS = _read("KEYLODGE_KEEP_WEBHOOKS_DAYS")
KEYLODGE_STRICT_SESSIONS = _read("KEYLODGE_STRICT_SESSIONS")

_public = urlsplit(KEYLODGE_PUBLIC_URL)
IS_HTTPS = _public.scheme == "https"

SECRET_KEY = _read("SECRET_KEY") or _env.secret_key(KEYLODGE_HOME)
# Django's own DEBUG pages show variables, settings and every path, and come without our CSP: they are never on.
# The variable DEBUG names the type of an error on our page and says more in the log.
DEBUG = False
KEYLODGE_DEBUG = _env.debug(_read("DEBUG"), public_host=_public.hostname or "", bind=KEYLODGE_BIND)
ALLOWED_HOSTS = sorted({_public.hostname or "localhost", "localhost", "127.0.0.1", "[::1]", *KEYLODGE_ALLOWED_HOSTS})

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
ASGI_APPLICATION = "config.asgi.application"
AUTH_USER_MODEL = "secrets_vault.User"

INSTALLED_APPS = [
    "config",
    "dashboard",
    "integrations",
    "secrets_vault",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",  # allauth's list of passkeys says "3 days ago" with it
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.forms",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "django_htmx",
]

MIDDLEWARE = [
    "config.middleware.CompressionMiddleware",
    "config.middleware.common_headers",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "config.middleware.canonical_host",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.middleware.no_nul",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "secrets_vault.people.middleware.PeopleMiddleware",
    "secrets_vault.people.language.LanguageMiddleware",
    "dashboard.pages.first_run.FirstRunMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "dashboard.middleware.HtmxRedirectMiddleware",
    "dashboard.middleware.TimeZoneMiddleware",
    "dashboard.middleware.GoneProviderMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.csp",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "dashboard.navigation.frame",
            ],
            "builtins": [
                "django.templatetags.static",
                "django.templatetags.i18n",
                "dashboard.templatetags.parts",
                "dashboard.templatetags.charts",
                "dashboard.templatetags.tables",
            ],
        },
    },
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

DATABASES = _env.databases(_read, KEYLODGE_HOME)
DATABASE_ROUTERS = ["integrations.models.router.CallRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CACHES = _env.caches(_read)
MAILERS = _env.mailers(_read)
DEFAULT_FROM_EMAIL = _read("DEFAULT_FROM_EMAIL")

AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = ["secrets_vault.people.passwords.CappedArgon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "secrets_vault.people.passwords.LengthValidator"},
    {"NAME": "secrets_vault.people.passwords.ContextValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
PASSWORD_RESET_TIMEOUT = 3600
ACCOUNT_ADAPTER = "secrets_vault.people.adapters.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_RATE_LIMITS = False  # ours are in secrets_vault/people/login_limits.py
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = 900
ACCOUNT_EMAIL_SUBJECT_PREFIX = "Keylodge: "
ACCOUNT_DEFAULT_HTTP_PROTOCOL = _public.scheme
ALLAUTH_TRUSTED_PROXY_COUNT = KEYLODGE_TRUSTED_PROXIES
MFA_ADAPTER = "secrets_vault.people.adapters.MFAAdapter"
MFA_FORMS = {
    "authenticate": "secrets_vault.people.forms.AuthenticateForm",
    "reauthenticate": "secrets_vault.people.forms.ReauthenticateForm",
    "activate_totp": "secrets_vault.people.forms.ActivateTOTPForm",
}
# WebAuthn needs a domain name: with a bare address as PUBLIC_URL passkeys are not offered.
HAS_PASSKEYS = not _env.is_address(_public.hostname or "")
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", *(["webauthn"] if HAS_PASSKEYS else [])]
MFA_PASSKEY_LOGIN_ENABLED = HAS_PASSKEYS
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not IS_HTTPS
MFA_TOTP_TOLERANCE = 1
LOGIN_URL = "/accounts/login/"
LOGIN_REDIRECT_URL = "/"

_prefix = "__Host-keylodge_" if IS_HTTPS else "keylodge_"
SESSION_ENGINE = "secrets_vault.people.sessions"
SESSION_COOKIE_AGE = 14 * 24 * 3600
SESSION_COOKIE_NAME = f"{_prefix}session"
SESSION_COOKIE_SECURE = IS_HTTPS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_NAME = f"{_prefix}csrf"
CSRF_COOKIE_SECURE = IS_HTTPS
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_NAME = f"{_prefix}language"
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
LANGUAGE_COOKIE_SECURE = IS_HTTPS
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
OAUTH_COOKIE_NAME = f"{_prefix}oauth"
# The way back to a list that a client works through. It goes to the page after a consent only, so no __Host- prefix.
LINK_COOKIE_NAME = f"{'__Secure-' if IS_HTTPS else ''}keylodge_link"

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# TLS ends at a proxy of the owner's. A browser cannot send this header across origins, so it needs no trusted hop.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if IS_HTTPS else None
SECURE_SSL_REDIRECT = IS_HTTPS
SECURE_REDIRECT_EXEMPT = [r"^readyz$"]
PERMISSIONS_POLICY = (
    "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), microphone=(), midi=(), "
    "payment=(), usb=(), publickey-credentials-create=(self), publickey-credentials-get=(self)"
)
SECURE_HSTS_SECONDS = 31_536_000 if IS_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = False
SECURE_CSP = {
    "default-src": [CSP.NONE],
    "script-src": [CSP.SELF, CSP.NONCE],
    "style-src": [CSP.SELF],
    "font-src": [CSP.SELF],
    "connect-src": [CSP.SELF],
    "img-src": [CSP.SELF, "data:"],
    "form-action": [CSP.SELF],
    "base-uri": [CSP.NONE],
    "frame-ancestors": [CSP.NONE],
    "require-trusted-types-for": ["'script'"],
}

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True  # files are served as they are in the checkout; there is no build step
WHITENOISE_AUTOREFRESH = False

# A form's upload may hold secrets: it stays in memory and is never spooled to a temporary file.
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
FILE_UPLOAD_MAX_MEMORY_SIZE = DATA_UPLOAD_MAX_MEMORY_SIZE = 8 * 1024 * 1024

CSRF_FAILURE_VIEW = "config.errors.forbidden"
SILENCED_SYSTEM_CHECKS = [
    "mail.E001",  # without EMAIL_URL nothing is sent, by design: every mail can be read under Messages
    "security.W005",  # HSTS for subdomains: they are somebody else's to decide about
    "security.W021",  # and so is the browsers' preload list
]
DEFAULT_EXCEPTION_REPORTER = "config.errors.ReferenceOnly"
DEFAULT_EXCEPTION_REPORTER_FILTER = "config.errors.NothingShown"

LOGGING = _logging_config("DEBUG" if KEYLODGE_DEBUG else _read("KEYLODGE_LOG_LEVEL"))

CELERY_BROKER_URL, CELERY_BROKER_TRANSPORT_OPTIONS = _env.broker(_read, KEYLODGE_HOME)
CELERY_BROKER_CONNECTION_TIMEOUT = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_REDIRECT_STDOUTS = False

# English stands in the code; each room's German is in locale/<room>/de (dashboard/README.md, "Languages").
LANGUAGE_CODE = "en-gb"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
LOCALE_PATHS = sorted(path for path in (BASE_DIR / "locale").iterdir() if path.is_dir())
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True
