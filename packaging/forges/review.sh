#!/usr/bin/env bash
# What the Action and the template of GitLab do: one review of the change that is checked out here.
#   review.sh github | gitlab
# Everything comes from the environment, so that no name of a branch or a file is ever read by a shell:
#   PERENNIAL_PROJECT   the folder of the project
#   SNAPSHOT            a file of `perennial snapshot`, or nothing
#   BASE                what the change is compared with; without it what the forge says
#   LABELS              false: none
#   PICTURES            false: none of before and after
#   OUT                 the folder for comment.md, for before-and-after with the pictures, and for GitLab gl-code-quality-report.json
set -u
forge=$1
here=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)
out=${OUT:-${RUNNER_TEMP:-.}}
mkdir -p "$out"

words=(review "--post=$forge" "--format=$forge" "--out=$out/comment.md")
[ -z "${BASE:-}" ] || words+=("--base=$BASE")
[ "${LABELS:-true}" != false ] || words+=(--no-labels)
[ "${PICTURES:-true}" = false ] || words+=("--pictures=$out/before-and-after")
if [ -n "${SNAPSHOT:-}" ]; then
  # a change from a fork does not get what the shop keeps to itself
  if [ -f "$SNAPSHOT" ]; then words+=("--snapshot=$SNAPSHOT"); else echo "There is no snapshot: nobody knows who is inside." >&2; fi
fi

# hints in the comment name what its reader can type
export PERENNIAL_TYPED=perennial
case $forge in
  github)
    # Nothing that is said on the way is a command of the workflow, whatever a file is called.
    token=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
    echo "::stop-commands::$token"
    sh "$here/run" "${words[@]}" >"$out/annotations.txt"
    code=$?
    echo "::$token::"
    cat "$out/annotations.txt"
    if [ -n "${GITHUB_OUTPUT:-}" ]; then
      echo "comment=$out/comment.md" >>"$GITHUB_OUTPUT"
      # two projects of one repository keep theirs apart
      kept=before-and-after
      [ "${PERENNIAL_PROJECT:-.}" = . ] || kept=$kept-$(printf %s "$PERENNIAL_PROJECT" | tr -c 'a-zA-Z0-9' -)
      [ "${PICTURES:-true}" = false ] ||
        printf '%s\n' "pictures=$out/before-and-after" "artifact=$kept" >>"$GITHUB_OUTPUT"
    fi
    ;;
  gitlab)
    sh "$here/run" "${words[@]}" >"$out/gl-code-quality-report.json"
    code=$?
    ;;
  *)
    echo "review.sh github | gitlab" >&2
    exit 2
    ;;
esac
exit "$code"
