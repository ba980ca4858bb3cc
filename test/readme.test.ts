// Runs the README's examples, changed only in the address and a folder: what a newcomer types must work. The commands run against the demo
// with the real CLI; that its answer reaches the programs too is in test/clients/.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { fakeClaude } from './commands/command-process.ts'
import { startSharedServer } from './commands/shared-server.ts'
import { runPrograms } from './helpers/run-programs.ts'
import type { TestServer } from './helpers/test-server.ts'

const demo = await startSharedServer({ config: { demo: true } })
const server = await startSharedServer({ config: { claudeBin: fakeClaude } })

const root = new URL('..', import.meta.url)
symlinkSync(join(import.meta.dirname, '../node_modules'), join(server.folders.cwd, 'node_modules'))
const readme = readFileSync(new URL('README.md', root), 'utf8')
const blocksOf = (language: string) =>
  [...readme.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g'))].map(([, block = '']) => block)

const adapted = ({ url, folders }: TestServer, text: string) =>
  text.replaceAll('http://127.0.0.1:5005', url).replaceAll('/home/me/project', folders.cwd)

async function run(program: string, ...args: string[]): Promise<string> {
  const env = { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: server.folders.home }
  return (await promisify(execFile)(program, args, { cwd: root, env })).stdout
}

const titleOf = (block: string) => block.trim().split('\n').at(0) ?? ''

const commands = blocksOf('sh').flatMap((block) => block.match(/^curl[\s\S]*$/) ?? [])

test('the README shows three curl lines', () => assert.equal(commands.length, 3))

for (const command of commands) {
  test(`${titleOf(command)} …`, async () => {
    const stdout = await run('bash', '-c', adapted(demo, command))
    assert.match(stdout, /"status":"ok"|"result":"[^"]+"/)
    assert.doesNotMatch(stdout, /"code"/)
  })
}

const programs = blocksOf('js')
let outputs: Promise<string[]> | null = null
for (const [index, program] of programs.entries()) {
  test(`${titleOf(program)} …`, async () => {
    outputs ??= runPrograms(
      programs.map((text) => adapted(server, text)),
      server.folders.cwd,
      server.folders.home,
    )
    const stdout = (await outputs)[index] ?? ''
    assert.match(stdout, /\w+/)
    assert.doesNotMatch(stdout, /undefined/)
  })
}

const python = '/usr/bin/python3'
for (const program of blocksOf('python')) {
  test(`${titleOf(program)} …`, { skip: !existsSync(python) && `there is no ${python}` }, async () => {
    assert.match(await run(python, '-c', adapted(server, program)), /\w+/)
  })
}

test('every link in the README has a target', () => {
  const links = [...readme.matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, link = '']) => link)
  assert.ok(links.length > 5)
  for (const link of links) assert.ok(existsSync(new URL(link, root)), link)
})
