#!/bin/sh
# Before each commit: no file with mistakes, no story that fails, journeys in their canonical form.
# A clone switches it on with   git config core.hooksPath .githooks
# Where Perennial is not on PATH:   git config perennial.command /where/it/is/run
# Once without it:   git commit --no-verify
cd "$(git rev-parse --show-toplevel)" || exit 1
git diff --cached --quiet -- config.yaml journeys schemas templates && exit 0
perennial=$(git config perennial.command || echo perennial)
command -v "$perennial" >/dev/null 2>&1 || {
  echo "Perennial is not installed here: the review will check this commit." >&2
  exit 0
}
"$perennial" check && "$perennial" fmt --check
