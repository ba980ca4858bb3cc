#!/usr/bin/env bash
# Publishes this version to the npm registry with a signed statement of where it was built (provenance), and writes its Homebrew formula.
# CI runs it on the commit of a version's tag, because only CI can sign that statement. With --dry-run it does everything except the
# upload, on any machine.
set -euo pipefail
cd "$(dirname "$0")/.."

die() {
  echo "publish: $*" >&2
  exit 1
}

field() {
  node -p "const { $1: value } = require('./package.json'); typeof value === 'object' ? value.url ?? '' : (value ?? '')"
}

is_dry=false
case "$*" in
'') ;;
--dry-run) is_dry=true ;;
*) die "takes --dry-run or nothing, not $*" ;;
esac

name=$(field name)
version=$(field version)

[ -z "$(git status --porcelain)" ] || die 'some changes are not committed'
git tag --points-at HEAD | grep -qxF "v$version" || die "this commit has no tag v$version"
grep -qF "## [$version]" CHANGELOG.md || die "CHANGELOG.md has no heading ## [$version]"
for each in repository homepage bugs; do
  [ -n "$(field "$each")" ] || die "package.json does not name $each, which npm or Homebrew requires"
done
[ -z "$(npm view "$name@$version" version 2>/dev/null || true)" ] || die "$name $version is already published"
if ! $is_dry; then
  [ -n "${ACTIONS_ID_TOKEN_REQUEST_URL:-}${SIGSTORE_ID_TOKEN:-}" ] ||
    die 'only a CI that may sign can publish (id-token: write on GitHub, SIGSTORE_ID_TOKEN on GitLab): use --dry-run elsewhere'
fi

npm ci
npm test
npm run test:extended
mkdir -p .tmp
tarball=.tmp/$(npm pack --silent --pack-destination .tmp)
if $is_dry; then
  npm publish "$tarball" --dry-run --access public
  echo "publish: $tarball would be published"
  exit 0
fi
npm publish "$tarball" --provenance --access public

# The registry serves exactly this file, so its checksum is the one for the formula.
url=$(npm view "$name@$version" dist.tarball)
sha256=$(node -p "require('node:crypto').createHash('sha256').update(require('node:fs').readFileSync('$tarball')).digest('hex')")
formula=.tmp/claude-serve.rb
sed -e "s|@HOMEPAGE@|$(field homepage)|" -e "s|@URL@|$url|" -e "s|@SHA256@|$sha256|" packaging/homebrew/claude-serve.rb >"$formula"
echo "publish: published $name $version; copy $formula to the Homebrew tap"
