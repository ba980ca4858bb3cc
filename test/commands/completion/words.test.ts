// What completion reads from a parser's declarations, using a parser made up here; and that no word breaks out of a script.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Command, Option } from 'commander'
import { bashScript } from '../../../src/commands/completion/bash.ts'
import { fishScript } from '../../../src/commands/completion/fish.ts'
import { readCompletionPoints, transitions, valueFlags } from '../../../src/commands/completion/words.ts'
import { zshScript } from '../../../src/commands/completion/zsh.ts'
import { makeFolders } from '../../helpers/test-server.ts'

function makeProgram(): Command {
  const program = new Command('x')
  program.command('hidden', { hidden: true })
  const copy = program
    .command('copy <from>')
    .description('don\'t say `x`: $(echo), \\ "y"; why not (VAR; default: none (at all))')
  copy.option('-l, --level <n>', 'how much (X_LEVEL)').option('--no-color', 'plain').option('--into [folder]', 'where')
  copy.addOption(new Option('--kind <kind>').choices(['a', 'b'])).addOption(new Option('--secret').hideHelp())
  const deep = program.command('deep').helpCommand(false)
  deep.command('er').addArgument(deep.createArgument('[file]'))
  return program
}

test('reads the visible words and options of each command, with the values they take', () => {
  const points = readCompletionPoints(makeProgram())
  assert.deepEqual(
    points.map(({ path }) => path),
    ['', 'copy', 'deep', 'deep er', 'help'],
  )
  const [root, copy, deep, deeper, help] = points
  const names = (words: readonly { name: string }[] = []) => words.map(({ name }) => name)
  assert.deepEqual(
    [names(root?.words), names(deep?.words), names(help?.words)],
    [['copy', 'deep', 'help'], ['er'], ['copy', 'deep']],
  )
  assert.deepEqual([copy?.argument, deeper?.argument, deep?.argument], [{ kind: 'any' }, { kind: 'file' }, null])
  const flags = copy?.flags.map(({ name, value }) => [name, value?.kind ?? null])
  assert.deepEqual(flags, [
    ['--level', 'any'],
    ['-l', 'any'],
    ['--no-color', null],
    ['--into', 'folder'],
    ['--kind', 'words'],
    ['--help', null],
    ['-h', null],
  ])
  assert.equal(copy?.flags[0]?.description, 'how much')
  assert.equal(root?.words[0]?.description, 'don\'t say `x`: $(echo), \\ "y"; why not')
  assert.deepEqual(
    transitions(points).map(({ from, to }) => `${from}>${to}`),
    ['/copy>copy', '/deep>deep', '/help>help', 'deep/er>deep er'],
  )
  assert.ok(valueFlags(points).some(({ key }) => key === 'copy/-l'))
})

const parsers: [shell: string, option: string, script: typeof bashScript][] = [
  ['bash', '-n', bashScript],
  ['zsh', '-n', zshScript],
  ['fish', '--no-execute', fishScript],
]
for (const [shell, option, script] of parsers) {
  const skip = spawnSync(shell, ['--version']).status === 0 ? false : `${shell} is not installed here`
  test(`${shell} accepts the script, whatever a description contains`, { skip }, (t) => {
    const file = join(makeFolders(t).root, 'script')
    writeFileSync(file, script(readCompletionPoints(makeProgram())))
    const env = { PATH: process.env.PATH ?? '' }
    const { status, stdout, stderr } = spawnSync(shell, [option, file], { encoding: 'utf8', env })
    assert.deepEqual([status, stdout, stderr], [0, '', ''])
  })
}
