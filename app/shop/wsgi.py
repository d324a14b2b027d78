"""The WSGI entry of the demo site."""

from __future__ import annotations

import os
import sys

from django.core.wsgi import get_wsgi_application

from shop.environment import BadVariableError

# gunicorn's "App failed to load": its master halts on this, and starts a worker that ends with
# any other code again, for ever.
APP_LOAD_ERROR = 4

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
try:
    application = get_wsgi_application()
except BadVariableError as error:
    print(f"shop.wsgi: {error}", file=sys.stderr, flush=True)
    sys.exit(APP_LOAD_ERROR)
