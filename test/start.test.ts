// What `npm start` runs.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeFolders } from './helpers/test-server.ts'

const root = join(import.meta.dirname, '..')
const { scripts, version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

/** Prints at exit whether Node has loaded its TypeScript compiler. */
const report = `data:text/javascript,process.on('exit', () =>
  console.log(process.moduleLoadList.includes('NativeModule internal/deps/amaro/dist/index')))`

test('npm start runs the program, without the TypeScript compiler once everything is cached', (t) => {
  const { home, cwd } = makeFolders(t)
  const [, ...command] = scripts.start.split(' ')
  assert.equal(command.pop(), 'serve')
  const words = command.map((word: string) => (existsSync(join(root, word)) ? join(root, word) : word))
  const run = () =>
    execFileSync(process.execPath, ['--import', report, ...words, '--version'], {
      cwd,
      env: { HOME: home },
      encoding: 'utf8',
    })
  run()
  assert.equal(run(), `${version}\nfalse\n`)
})
