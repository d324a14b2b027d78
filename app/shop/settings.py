"""Settings of the demo site; whatever differs between deployments comes from the environment."""

from __future__ import annotations

from typing import Any

from shop.environment import APP, RELEASE_FILE, Environment, Store, read_environment

ENVIRONMENT = read_environment()

BASE_DIR = APP
DEBUG = ENVIRONMENT.debug
SECRET_KEY = ENVIRONMENT.secret_key
ROOT_URLCONF = "shop.urls"
WSGI_APPLICATION = "shop.wsgi.application"

# What this process is: the footer and the headers of every page name it.
RELEASE = ENVIRONMENT.release
REPLICA = ENVIRONMENT.replica
STATICFILES_STRATEGY = "debug" if DEBUG else ENVIRONMENT.strategy

# Health checks come from inside the container, so they name the loopback.
ALLOWED_HOSTS = [ENVIRONMENT.public_name, "localhost", "127.0.0.1"]
CSRF_TRUSTED_ORIGINS = [f"http://{ENVIRONMENT.public_host}"]

INSTALLED_APPS = [
    "skewproof",  # before staticfiles: it overrides collectstatic
    "shop",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.sitemaps",
    "django.contrib.staticfiles",
]

MIDDLEWARE = [
    "shop.middleware.ReplicaMiddleware",  # before what answers health checks, to name them too
    "skewproof.middleware.ReleaseMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

if STATICFILES_STRATEGY == "whitenoise":
    # Right after SecurityMiddleware, as its documentation asks for.
    MIDDLEWARE.insert(3, "whitenoise.middleware.WhiteNoiseMiddleware")

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ENVIRONMENT.release_dir / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "shop.context.footer",
                "shop.context.cart",
            ],
        },
    },
]

# Only the admin has a database. The cart is a signed cookie: any replica of any release reads it.
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ENVIRONMENT.database}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"

# The demo speaks plain HTTP: browsers refuse this header there, with an error on the console, and
# the checks below ask for HTTPS, HSTS and cookies that only travel over HTTPS.
SECURE_CROSS_ORIGIN_OPENER_POLICY = None
SILENCED_SYSTEM_CHECKS = ["security.W004", "security.W008", "security.W012", "security.W016"]

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_I18N = False

STATIC_URL = "/static/"
STATIC_ROOT = ENVIRONMENT.static_root
STATICFILES_DIRS = [ENVIRONMENT.release_dir / "static"]

SKEWPROOF_RELEASE_FILE = RELEASE_FILE
SKEWPROOF_DRAIN_FILE = ENVIRONMENT.drain_file

DJANGO_STORAGES_MANIFEST = "storages.backends.s3.S3ManifestStaticStorage"
STATIC_BACKENDS = {
    "skewproof": "skewproof.storage.S3ReleaseStorage",
    "versioned": "shop.storages.VersionedManifestStorage",
    "shared": DJANGO_STORAGES_MANIFEST,
    "baked": DJANGO_STORAGES_MANIFEST,
    "prefix": DJANGO_STORAGES_MANIFEST,
    "unhashed": "storages.backends.s3.S3StaticStorage",
    "shared-disk": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage",
    "versioned-disk": "shop.storages.VersionedDiskStorage",
    "whitenoise": "whitenoise.storage.CompressedManifestStaticFilesStorage",
}


def static_storage(environment: Environment) -> dict[str, Any]:
    """Return the entry of STORAGES for static files: the one thing that a strategy changes."""
    if environment.debug:
        return {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    backend = STATIC_BACKENDS[environment.strategy]
    if environment.store is None:
        return {"BACKEND": backend}
    options = s3_options(environment.store, environment.public_host)
    return {"BACKEND": backend, "OPTIONS": options | own_options(environment)}


def own_options(environment: Environment) -> dict[str, Any]:
    """Return what a strategy sets beside the options that all have in common."""
    if environment.strategy == "prefix":
        return {"location": f"static/{environment.release}"}
    if environment.strategy == "baked":
        from django.core.files.storage import FileSystemStorage

        return {"manifest_storage": FileSystemStorage(location=environment.static_root)}
    return {}


def s3_options(store: Store, host: str) -> dict[str, Any]:
    """Return the options of django-storages."""
    from botocore.config import Config

    return {
        "bucket_name": store.bucket,
        "endpoint_url": store.endpoint_url,
        "region_name": store.region,
        "access_key": store.access_key_id,
        "secret_key": store.secret_access_key,
        "location": "static",
        "custom_domain": host,
        "url_protocol": "http:",
        "querystring_auth": False,
        "default_acl": None,
        "addressing_style": "path",
        "signature_version": "s3v4",
        # botocore waits 60 seconds by default: longer than gunicorn lets a worker live. It comes
        # as a whole, so it says again what the two lines above say to whoever reads the options.
        "client_config": Config(
            s3={"addressing_style": "path"},
            signature_version="s3v4",
            connect_timeout=2,
            read_timeout=10,
            retries={"total_max_attempts": 3, "mode": "standard"},
        ),
    }


STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": static_storage(ENVIRONMENT),
}

# Django's own default logs nothing to the console unless DEBUG; a container's log is its console.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        "django": {"handlers": ["console"], "level": "INFO", "propagate": False},
        # runserver writes each request through this one; a formatter of its own comes with it.
        "django.server": {"handlers": ["console"], "level": "INFO", "propagate": False},
    },
}
