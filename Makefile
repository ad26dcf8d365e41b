.PHONY: run test lint bench soak

run: ; @exec ./keylodge serve

test: ; @tools/bootstrap --dev && exec .venv/bin/python tools/check.py

lint: ; @tools/bootstrap --dev && exec .venv/bin/python tools/check.py lint

bench: ; @tools/bootstrap --dev && exec .venv/bin/python tools/check.py bench

soak: ; @tools/bootstrap --dev && exec .venv/bin/python tools/check.py soak
