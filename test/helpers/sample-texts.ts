// Texts of many kinds (languages, programs, formats), at least 500 characters each, for tests that depend on the form
// of a text, not its content.
import { readFileSync } from 'node:fs'
import { arabic, chinese, english, french, german, japanese, korean, russian } from './sample-prose.ts'

const file = (path: string, length = 12_000) =>
  readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8').slice(0, length)

const python = `
from dataclasses import dataclass, field
from pathlib import Path
import csv


@dataclass
class Account:
    """A bank account with its history of transactions."""

    owner: str
    balance: float = 0.0
    history: list[tuple[str, float]] = field(default_factory=list)

    def deposit(self, amount: float, note: str = "deposit") -> None:
        if amount <= 0:
            raise ValueError(f"amount must be positive, not {amount!r}")
        self.balance += amount
        self.history.append((note, amount))

    def export(self, path: Path) -> int:
        with path.open("w", newline="") as handle:
            writer = csv.writer(handle)
            writer.writerow(["note", "amount"])
            for note, amount in self.history:
                writer.writerow([note, f"{amount:.2f}"])
        return len(self.history)


if __name__ == "__main__":
    account = Account(owner="Ada")
    for index in range(10):
        account.deposit(10.5 * (index + 1), note=f"salary {index}")
    print(account.export(Path("/tmp/account.csv")), account.balance)
`

const yaml = `
name: release
on:
  push:
    tags: ['v*']
jobs:
  build:
    runs-on: ubuntu-latest
    strategy:
      fail-fast: false
      matrix:
        node: [20, 22, 24]
        include:
          - node: 24
            coverage: true
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-node@v4
        with:
          node-version: \${{ matrix.node }}
          cache: npm
      - name: Install
        run: npm ci --ignore-scripts
      - name: Test
        run: |
          npm run lint
          npm test -- --reporter=spec
        env:
          CI: 'true'
          LOG_LEVEL: debug
      - name: Upload
        if: matrix.coverage
        uses: actions/upload-artifact@v4
        with:
          name: coverage-report
          path: coverage/
          retention-days: 14
`

export const toolSchema = {
  type: 'object',
  properties: {
    query: { type: 'string', description: 'What to look for, in plain words', minLength: 1, maxLength: 400 },
    folder: { type: 'string', description: 'Absolute path of the folder to search; the current one by default' },
    max_results: { type: 'integer', minimum: 1, maximum: 100, default: 20 },
    include_hidden: { type: 'boolean', description: 'Whether files whose names begin with a dot are searched too' },
    kinds: { type: 'array', items: { type: 'string', enum: ['file', 'folder', 'symlink'] }, uniqueItems: true },
    modified_after: { type: ['string', 'null'], format: 'date-time' },
  },
  required: ['query'],
  additionalProperties: false,
}

const minified = `
!function(e,t){"object"==typeof exports&&"undefined"!=typeof module?module.exports=t():e.debounce=t()}(this,function(){
"use strict";function e(e,t,n){var r,o,i,u,a,c=0,f=!!n&&n.leading,s=!n||!1!==n.trailing,l=n&&"maxWait"in n?Math.max(+n.maxWait
||0,t):null;function d(t){var n=r,u=o;return r=o=void 0,c=t,i=e.apply(u,n)}function p(e){var n=e-a;return void 0===a||n>=t||n<0
||null!==l&&e-c>=l}function v(){var e=Date.now();if(p(e))return m(e);u=setTimeout(v,function(e){var n=t-(e-a);return null!==l?
Math.min(n,l-(e-c)):n}(e))}function m(e){return u=void 0,s&&r?d(e):(r=o=void 0,i)}return function(){var e=Date.now(),n=p(e);if(
r=arguments,o=this,a=e,n){if(void 0===u)return c=a,u=setTimeout(v,t),f?d(a):i;if(l)return u=setTimeout(v,t),d(a)}return i}}return e});
`.replaceAll('\n', '')

/** Pseudorandom numbers, the same in every run. */
function* numbers(): Generator<number> {
  let value = 1
  for (;;) {
    value = (value * 48271) % 2147483647
    yield value
  }
}

function lines(count: number, line: (next: () => number) => string): string {
  const source = numbers()
  return Array.from({ length: count }, () => line(() => source.next().value ?? 0)).join('\n')
}

const hex = (value: number) => value.toString(16).padStart(8, '0')
const log = lines(20, (next) => {
  const time = new Date(1.77e12 + next()).toISOString()
  const level = ['INFO', 'WARN', 'DEBUG'][next() % 3]
  return `${time} ${level} [worker-${next() % 16}] request ${hex(next())}${hex(next())} done in ${next() % 9000} ms, bytes=${next()}`
})
const table = lines(30, (next) => `${next() % 1000},${next() / 1000},${next() % 2 === 0},2026-0${1 + (next() % 9)}-11`)
const bytes = numbers()
const base64 = Buffer.from(Array.from({ length: 900 }, () => (bytes.next().value ?? 0) >> 8)).toString('base64')
const emoji = lines(40, (next) => ['😀', '🚀', '❤️', '👍🏽', '🎉', '🔥', '🧪', '✅', '🌍', '👀'][next() % 10] ?? '')
  .replaceAll('\n', '')
  .repeat(8)

/** Natural languages, and programs and formats as they are used in practice. */
export const naturalTexts: Record<string, string> = {
  English: english,
  German: german,
  French: french,
  Russian: russian,
  Chinese: chinese,
  Japanese: japanese,
  Korean: korean,
  Arabic: arabic,
  Markdown: file('ARCHITECTURE.md'),
  TypeScript: file('src/core/events.ts'),
  Python: python,
  YAML: yaml,
  'tool schema': JSON.stringify(toolSchema),
  'indented JSON': file('package-lock.json'),
  log,
  table,
}

export const oddTexts: Record<string, string> = { base64, emoji, minified }
