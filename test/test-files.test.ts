// Every test file is run by `npm test` or `npm run test:extended`, and none of them twice.
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

const root = join(import.meta.dirname, '..')
const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> }

/** The files that a script of package.json names with its patterns. */
const filesOf = (script: string): string[] =>
  [...(scripts[script] ?? '').matchAll(/"(test\/[^"]+)"/g)].flatMap(([, pattern = '']) =>
    globSync(pattern, { cwd: root }),
  )

/** Those that a file of test/all names in its turn. */
function filesIn(group: string): string[] {
  const [, call = ''] = /runTogether\((.*)\)\s*$/s.exec(readFileSync(join(root, group), 'utf8')) ?? []
  const patterns = [...call.matchAll(/'([^']+)'/g)].map(([, pattern = '']) => `test/${pattern}`)
  const files = patterns.flatMap((pattern) => globSync(pattern, { cwd: root }))
  assert.ok(files.length > 0, `${group} names no files`)
  return files
}

test('each *.test.ts runs once in npm test', () => {
  const started = filesOf('test').flatMap((file) => (file.startsWith('test/all/') ? filesIn(file) : [file]))
  assert.deepEqual(started.toSorted(), globSync('test/**/*.test.ts', { cwd: root }).toSorted())
})

test('each *.extended.ts runs once in npm run test:extended', () => {
  assert.deepEqual(filesOf('test:extended').toSorted(), globSync('test/**/*.extended.ts', { cwd: root }).toSorted())
})
