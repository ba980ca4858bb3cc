// Runs every test: `npm run test:all`. Tests in a browser wait most of the time, those that start the CLI keep the processor busy; so
// files of the one kind are begun between files of the other, and both are done sooner.
import { globSync } from 'node:fs'
import { join } from 'node:path'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'

const root = join(import.meta.dirname, '..')

const files = globSync('test/**/*.test.ts', { cwd: root }).sort()
const inBrowser = files.filter((file) => file.startsWith(join('test', 'ui')))
const others = files.filter((file) => !inBrowser.includes(file))

/** How many files there are for each one in a browser. */
const share = Math.ceil(others.length / inBrowser.length)

const mixed = inBrowser.flatMap((file, at) => [file, ...others.slice(at * share, (at + 1) * share)])

run({
  files: mixed.map((file) => join(root, file)),
  concurrency: 3,
  timeout: 300_000,
  execArgv: ['--import', join(root, 'test/helpers/compile-cache.ts')],
})
  .on('test:fail', () => {
    process.exitCode = 1
  })
  .compose(new spec())
  .pipe(process.stdout)
