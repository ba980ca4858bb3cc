// The command `completion`: what shells offer after they have loaded its script. Shells that are not installed are skipped. Not for what
// is read from the parser's declarations (see words.test.ts).
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { extendedTest, test } from '../../helpers/extended.ts'
import { makeFolders } from '../../helpers/test-server.ts'
import { assertWrongUsage, Running, run } from '../command-process.ts'

/** The last word of a line is being typed. */
const rows: [line: string, offered: string[]][] = [
  ['stat', ['status']],
  ['keys ', ['create', 'edit', 'list', 'revoke']],
  ['keys cr', ['create']],
  ['completion ', ['bash', 'fish', 'zsh']],
  ['completion z', ['zsh']],
  ['help sess', ['sessions']],
  ['--max-p', ['--max-processes']],
  ['serve --max-p', ['--max-processes']],
  ['--warm 2 --max-p', ['--max-processes']],
  ['chat --mo', ['--model']],
  ['keys create --sc', ['--scope']],
  ['keys create --expires 1d --bud', ['--budget', '--budget-period']],
  ['service install --pr', ['--print']],
  ['logs -n 5 --fo', ['--follow']],
  // A value is not a command, and the shell does not know these values.
  ['--log-level sta', []],
  ['--log-level status --max-p', ['--max-processes']],
  ['sessions --limit ', []],
  ['chat ', []],
  ['chat -- --mo', []],
  ['--config conf', ['config.json', 'configs']],
  ['--config=conf', ['config.json', 'configs']],
  ['status --config conf', ['config.json', 'configs']],
  ['--data-dir conf', ['configs']],
  ['chat --cwd conf', ['configs']],
]

/** The script in a file, and a working folder with something to find. */
async function setUp(t: TestContext, shell: string) {
  const folders = makeFolders(t)
  const { code, stdout, stderr } = await run(folders, ['completion', shell])
  assert.deepEqual([code, stderr], [0, ''])
  const script = join(folders.root, `script.${shell}`)
  writeFileSync(script, stdout)
  writeFileSync(join(folders.cwd, 'config.json'), '{}')
  mkdirSync(join(folders.cwd, 'configs'))
  const ask = (program: string, words: string[]) => {
    const env = { PATH: process.env.PATH ?? '', HOME: folders.home, TERM: 'dumb', LANG: 'C.UTF-8' }
    const result = spawnSync(program, words, { cwd: folders.cwd, env, encoding: 'utf8', timeout: 60_000 })
    assert.equal(result.status, 0, result.stderr)
    return result
  }
  return { script, ask }
}

const isMissing = (shell: string) =>
  spawnSync(shell, ['--version']).status === 0 ? false : `${shell} is not installed here`

/** Folders may be offered with a slash, and more than once. */
const sorted = (words: readonly string[]) => {
  const names = words.map((word) => word.replace(/\/$/, '')).filter((word) => word !== '')
  return [...new Set(names)].toSorted()
}

const bashDriver = `
source "$1"; shift
fn=$(complete -p claude-serve | sed 's/.*-F \\([^ ]*\\).*/\\1/')
for line; do
  # As in bash, an equals sign is a word of its own.
  read -r -a COMP_WORDS <<<"claude-serve \${line//=/ = }"
  [[ $line == *' ' ]] && COMP_WORDS+=('')
  COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
  COMPREPLY=()
  "$fn" claude-serve "\${COMP_WORDS[COMP_CWORD]}" "\${COMP_WORDS[COMP_CWORD-1]}"
  ((\${#COMPREPLY[@]})) && printf '%s\\n' "\${COMPREPLY[@]}"
  echo '<end>'
done`

const fishDriver = `
source $argv[1]
for line in $argv[2..-1]
  complete -C "claude-serve $line" | string replace -r '\\t.*' '' | string replace -r '^--config=' ''
  echo '<end>'
end`

/** Records what is passed to compadd, in a shell with a terminal of its own. */
const zshDriver = `
zmodload zsh/zpty || exit 9
zpty z zsh -f -i
zpty -w z 'PROMPT=; PS2=; unsetopt zle_bracketed_paste; stty -echo; autoload -U compinit && compinit -u -D'
zpty -w z "source \${(q)1}"
zpty -w z 'compadd() {
  if [[ \${@[1,(i)(-|--)]} == *-(O|A|D)\\ * ]]; then builtin compadd "$@"; return; fi
  local -a hits; builtin compadd -A hits "$@"; local hit; for hit in $hits; do print -r -- "<hit>$hit<end of hit>"; done
  builtin compadd "$@"
}'
zpty -w z 'zle -C ask list-choices ask; ask() { _main_complete; print -r -- "<end>" }; bindkey "^I" ask; print -r -- "<re""ady>"'
while zpty -r z text; do [[ $text == *'<ready>'* ]] && break; done
shift
for line; do
  zpty -w -n z "claude-serve $line"$'\\t'
  all=
  while zpty -r z text; do all+=$text; [[ $text == *'<end>'* ]] && break; done
  print -rl -- \${(M)\${(f)\${all//'<hit>'/$'\\n<hit>'}}:#*'<end of hit>'*} | sed 's/.*<hit>\\(.*\\)<end of hit>.*/\\1/'
  print '<end>'
  zpty -w -n z $'\\C-U'
done
zpty -d z`

const shells: [shell: string, words: (script: string) => string[]][] = [
  ['bash', (script) => ['--norc', '--noprofile', '-c', bashDriver, 'bash', script]],
  ['zsh', (script) => ['-f', '-c', zshDriver, 'zsh', script]],
  ['fish', (script) => ['--no-config', '-c', fishDriver, script]],
]
for (const [shell, words] of shells) {
  test(`${shell} offers what can follow`, { skip: isMissing(shell), timeout: 90_000 }, async (t) => {
    const { script, ask } = await setUp(t, shell)
    const lines = rows.map(([line]) => line)
    const { stdout, stderr } = ask(shell, [...words(script), ...lines])
    assert.equal(stderr, '')
    const offered = stdout.split('<end>\n').map((text) => sorted(text.split('\n')))
    for (const [index, [line, expected]] of rows.entries()) {
      assert.deepEqual(offered[index], sorted(expected), `claude-serve ${line}`)
    }
  })
}

test('every command that help lists is offered', async (t) => {
  const { script, ask } = await setUp(t, 'bash')
  const { stdout } = await run(makeFolders(t), ['--help'])
  const [, list = ''] = /\nCommands:\n([\s\S]*?)\n\n/.exec(`${stdout}\n\n`) ?? []
  const commands = [...list.matchAll(/^ {2}(\w+(?:, \w+)*)/gm)].flatMap(([, names = '']) => names.split(', '))
  assert.ok(commands.includes('status') && commands.includes('ps') && commands.length > 10, list)
  const offered = ask('bash', ['--norc', '--noprofile', '-c', bashDriver, 'bash', script, ' ']).stdout
  assert.deepEqual(sorted(offered.replace('<end>', '').split('\n')), commands.toSorted())
})

test('the script for zsh also works from a folder of fpath', { skip: isMissing('zsh') }, async (t) => {
  const { script, ask } = await setUp(t, 'zsh')
  const lines = `mkdir f && cp ${script} f/_claude-serve && fpath=($PWD/f $fpath) && autoload -U compinit && compinit -u -D`
  const { stdout } = ask('zsh', ['-f', '-c', `${lines} && print -r -- $_comps[claude-serve]`])
  assert.equal(stdout, '_claude-serve\n')
})

test('help explains how to install the script in each shell', async (t) => {
  const { code, stdout } = await run(makeFolders(t), ['completion', '--help'])
  assert.equal(code, 0)
  for (const shell of ['bash', 'zsh', 'fish']) assert.match(stdout, new RegExp(`claude-serve completion ${shell} > `))
})

extendedTest('a reader that stops early is not an error', async (t) => {
  const running = new Running(makeFolders(t), ['completion', 'zsh'])
  running.child.stdout?.destroy()
  const { code, stderr } = await running.outcome()
  assert.deepEqual([code, stderr], [0, ''])
})

const wrong: [words: string[], message: RegExp][] = [
  [[], /missing required argument 'shell'/],
  [['tcsh'], /'tcsh' is invalid .* Allowed choices are bash, zsh, fish/],
  [['bash', '--all'], /unknown option '--all'/],
  [['bash', 'zsh'], /too many arguments/],
]
test('wrong usage prints one line and exits with 2', async (t) => {
  const folders = makeFolders(t)
  for (const [words, message] of wrong)
    assertWrongUsage(await run(folders, ['completion', ...words]), 'completion', message)
})
