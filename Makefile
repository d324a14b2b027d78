lock:
	uv pip compile -q pyproject.toml scripts/pyproject.toml --group dev --extra s3 --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url -o requirements.lock
