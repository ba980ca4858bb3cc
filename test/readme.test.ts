// Runs the README's examples, changed only in the address and a folder: what a newcomer types must work. The commands run against the demo
// with the real CLI; that its answer reaches the programs too is in test/clients/.
import assert from 'node:assert/strict'
import { existsSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fakeClaude } from './commands/command-process.ts'
import { startSharedServer } from './commands/shared-server.ts'
import { adapted, examplesOf, noPython, repository, runPython, runShell, titleOf } from './helpers/document-examples.ts'
import { runPrograms } from './helpers/run-programs.ts'

const demo = await startSharedServer({ config: { demo: true } })
const server = await startSharedServer({ config: { claudeBin: fakeClaude } })

symlinkSync(join(repository, 'node_modules'), join(server.folders.cwd, 'node_modules'))
const readme = readFileSync(join(repository, 'README.md'), 'utf8')
const blocksOf = (language: string) =>
  examplesOf('README.md')
    .filter((example) => example.language === language)
    .map(({ text }) => text)

const commands = blocksOf('sh').flatMap((block) => block.match(/^curl[\s\S]*$/) ?? [])

test('the README shows three curl lines', () => assert.equal(commands.length, 3))

for (const command of commands) {
  test(`${titleOf({ text: command })} …`, async () => {
    const { outputs, stderr } = await runShell(demo, [command])
    const stdout = outputs[0] ?? stderr
    assert.match(stdout, /"status":"ok"|"result":"[^"]+"/)
    assert.doesNotMatch(stdout, /"code"/)
  })
}

const programs = blocksOf('js')
let outputs: Promise<string[]> | null = null
for (const [index, program] of programs.entries()) {
  test(`${titleOf({ text: program })} …`, async () => {
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

for (const program of blocksOf('python')) {
  test(`${titleOf({ text: program })} …`, { skip: noPython }, async () => {
    assert.match(await runPython(server, program), /\w+/)
  })
}

test('every link in the README has a target', () => {
  const links = [...readme.matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, link = '']) => link)
  assert.ok(links.length > 5)
  for (const link of links) assert.ok(existsSync(join(repository, link)), link)
})
