// One column of the table, seen once: the CLI with these switches, in a hostile folder and an ordinary user's home, told the
// prompts of an attacker by a client and asked for tools by the model. Says what came of each attack.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type RecordedRequest, startUpstream, type Upstream } from '../../src/demo/upstream.ts'
import { makeFolders, step, testEnvironment } from '../helpers/test-server.ts'
import { isResult, type Line, runClaude } from './cli-switches-claude.ts'
import type { Attack, Column, Outcome } from './cli-switches-table.ts'
import { type Canary, canariesIn, type HostileFolder, heapDump, makeHostileFolder } from './hostile-folder.ts'

export type Observation = {
  /** What the process said of itself with each turn. */
  inits: Line[]
  /** The prompts without calls of tools, as they were given to the process. */
  prompts: string[]
  /** What the user said last in each request, in order. */
  said: string[]
  /** The requests that went where the repository would have them, and those that went where they should. */
  astray: RecordedRequest[]
  own: RecordedRequest[]
  canaries: Canary[]
  marks: string[]
  theme: unknown
  hasSettingsOfOld: boolean
  heapDumps: number
  wroteInFolder: boolean
  /** Whether a command that nothing but the user's own rule allows was run: without the rule, and with it. */
  ranUnallowed: boolean
  ranAllowed: boolean
  /** The permission mode of the second process, for which the repository's settings name `acceptEdits`. */
  laterMode: unknown
  /** Whether the second process went on with the conversation of the first. */
  wentOn: boolean
}

const bash = (command: string) => ({ name: 'Bash', input: { command, description: 'Makes a file' } })

/** The model asks for the tools one after the other, offered or not. */
const calls = (...tools: object[]) => tools.map((tool) => step({ tools: [tool], force_tool: true })).join(' ')

/** What only the rule allows in every mode: a command that writes outside the folder. */
const outsideCall = (folder: HostileFolder) => bash(`echo x > '${folder.mark('bash-outside')}'`)

const inFolder = (folder: HostileFolder) => join(folder.cwd, 'written-by-bash')

const toolPrompt = (folder: HostileFolder) => {
  const read = { name: 'Read', input: { file_path: folder.files.otherSshKey } }
  return `use tools ${calls(read, bash(`touch '${inFolder(folder)}'`), outsideCall(folder))}`
}

/** The dump is the last thing asked for: once it has begun there is nothing more to see, and it would take seconds. */
const firstPrompts = ({ files }: HostileFolder) => [
  `see @${files.outside} and @~/.ssh/id_rsa`,
  'see @inside.txt',
  '!id',
  '--version',
  '/heapdump',
]

/** Settings are written in the background: the process that does so must end in peace. */
const laterPrompts = ['/config theme=light']

/** Everything that was started is ended, and all files are gone, when it settles. */
export async function observe(column: Column, isTrusted = false): Promise<Observation> {
  const cleanups: (() => unknown)[] = []
  const [own, astray] = await Promise.all([startUpstream(), startUpstream()])
  try {
    const folders = makeFolders({ after: (cleanup) => void cleanups.push(cleanup as () => unknown) })
    const folder = makeHostileFolder(folders, astray.url)
    if (isTrusted) folder.trust()
    return await look(column, folder, { own, astray })
  } finally {
    await Promise.all([own.close(), astray.close(), ...cleanups.map((cleanup) => cleanup())])
  }
}

type Upstreams = { own: Upstream; astray: Upstream }

/** The last four characters are what the upstream shows of it. */
const userKey = 'sk-ant-test-mine'

async function look(column: Column, folder: HostileFolder, { own, astray }: Upstreams): Promise<Observation> {
  const environment = {
    ...testEnvironment({ ...folder, dataDir: '', configDir: '' }, own.url),
    ANTHROPIC_API_KEY: userKey,
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    CLAUDE_CODE_MAX_RETRIES: '0',
    DISABLE_AUTOUPDATER: '1',
  }
  const setting = { column, cwd: folder.cwd, environment }
  const lines = await runClaude({
    ...setting,
    prompts: [toolPrompt(folder), ...firstPrompts(folder)],
    endAt: { folder: folder.home, file: heapDump },
  })
  const ranUnallowed = folder.marks().includes('bash-outside')
  const before = [...own.requests, ...astray.requests]
  assert.equal(toolResultsIn(before), 3, `${column.name}: the model was not told what came of its calls`)
  folder.allowBash()
  folder.setDefaultMode('acceptEdits')
  const more = await runClaude({
    ...setting,
    prompts: [`once more ${calls(outsideCall(folder))}`, ...laterPrompts],
    resume: String(lines.find(isResult)?.session_id),
  })
  const requests = [...own.requests, ...astray.requests]
  const later = requests.find((request) => !before.includes(request))
  assert.equal(lastSaid(later).trim().slice(0, 9), 'once more', column.name)
  return {
    inits: lines.filter(isInit),
    prompts: [...firstPrompts(folder), ...laterPrompts].map((prompt) => `${column.prefix ?? ''}${prompt}`),
    said: requests.map((request) => lastSaid(request)),
    ...{ own: own.requests, astray: astray.requests },
    canaries: canariesIn(requests.map(({ raw }) => raw).join('\n')),
    marks: folder.marks(),
    theme: folder.theme(),
    hasSettingsOfOld: folder.hasSettingsOfOld(),
    heapDumps: folder.heapDumps().length,
    wroteInFolder: existsSync(inFolder(folder)),
    ranUnallowed,
    ranAllowed: folder.marks().includes('bash-outside'),
    laterMode: more.find(isInit)?.permissionMode,
    wentOn: later?.raw.includes('use tools') === true,
  }
}

const isInit = ({ subtype }: Line) => subtype === 'init'

function toolResultsIn(requests: RecordedRequest[]): number {
  const ids = requests.flatMap(({ raw }) => [...raw.matchAll(/"tool_use_id":"(\w+)"/g)].map(([, id]) => id))
  return new Set(ids).size
}

/** What the user said last, without what the CLI adds to it. */
function lastSaid(request: RecordedRequest | undefined): string {
  const texts = (request?.body?.messages ?? []).flatMap(({ role, content }) => {
    if (role !== 'user') return []
    return typeof content === 'string' ? [content] : content.map(({ text }) => text ?? '')
  })
  return texts.findLast((text) => text !== '' && !text.startsWith('<system-reminder>')) ?? ''
}

/** All of them or none; anything between is told as it is, and is neither of the two. */
function allOf(parts: Record<string, boolean>): Outcome | string {
  const names = Object.keys(parts)
  const working = names.filter((name) => parts[name])
  if (working.length === names.length) return 'works'
  return working.length === 0 ? 'is stopped' : `works for ${working.join(', ')} only`
}

const someOf = (working: boolean): Outcome => (working ? 'works' : 'is stopped')

type Judge = (seen: Observation) => Outcome | string

const sent =
  (...wanted: Canary[]): Judge =>
  ({ canaries }) =>
    allOf(Object.fromEntries(wanted.map((name) => [name, canaries.includes(name)])))

const ran =
  (...wanted: string[]): Judge =>
  ({ marks }) =>
    allOf(Object.fromEntries(wanted.map((name) => [name, marks.includes(name)])))

/** Any marker file that begins so, but for those named. */
const ranAny =
  (prefix: RegExp, ...but: string[]): Judge =>
  ({ marks }) =>
    someOf(marks.some((name) => prefix.test(name) && !but.includes(name)))

const judges: Record<Attack, Judge> = {
  'a file elsewhere and ~/.ssh/id_rsa, mentioned in the prompt, are sent': sent('outside', 'sshKey'),
  'a file of the folder, mentioned in the prompt, is sent': sent('inside'),
  "/config in the prompt rewrites the user's settings": ({ theme, hasSettingsOfOld }) =>
    allOf({ 'the theme': theme === 'light', 'the file': !hasSettingsOfOld }),
  '/heapdump in the prompt writes into the home folder': ({ heapDumps }) => someOf(heapDumps > 0),
  "the repository's SessionStart hook runs": ran('repo-hook-SessionStart'),
  "the repository's UserPromptSubmit hook runs": ran('repo-hook-UserPromptSubmit'),
  "the repository's apiKeyHelper runs": ran('repo-api-key-helper'),
  "the repository's .mcp.json server is started": ran('repo-mcp'),
  "requests and the user's key go where the repository says": ({ own, astray }) =>
    allOf({
      'some requests': astray.length > 0,
      'all requests': own.length === 0,
      'the key': astray.some(({ headers }) => headers['x-api-key'] === `...${userKey.slice(-4)}`),
    }),
  "the user's CLAUDE.md is sent": sent('userMemory'),
  "the repository's CLAUDE.md is sent": sent('repoMemory'),
  "the model's Bash uses what the user allowed in a terminal": ({ ranUnallowed, ranAllowed }) =>
    ranUnallowed ? 'works without the rule' : someOf(ranAllowed),
  "the user's own hooks run": ran('user-hook-SessionStart', 'user-hook-UserPromptSubmit'),
  "the model's Read gets at ~/.ssh": sent('otherSshKey'),
  "the model's Bash writes in the folder": ({ wroteInFolder }) => someOf(wroteInFolder),
  "the repository's hooks of other events run": ranAny(
    /^repo-hook-/,
    'repo-hook-SessionStart',
    'repo-hook-UserPromptSubmit',
  ),
  "the repository's settings.local.json brings a hook that runs": ran('repo-local-hook'),
  "the repository's CLAUDE.local.md and rules are sent": sent('repoLocalMemory', 'repoRule'),
  "the repository's commands and skills are told to the model": sent('repoCommand', 'repoSkill'),
  "the repository's agents are told to the model": sent('repoAgent'),
  "the repository's output style is the system prompt": sent('repoOutputStyle'),
  "the repository's default permission mode is obeyed": ({ inits, laterMode }) =>
    someOf(laterMode !== inits[0]?.permissionMode),
  "the repository's plugin is loaded": ({ marks, canaries }) =>
    someOf(marks.includes('plugin-hook') || canaries.includes('plugin')),
  "other commands of the repository's settings run": ranAny(
    /^repo-(proxy-auth|aws-auth|gcp-auth|otel-headers|status-line|file-suggestion)/,
  ),
  "the user's MCP server is started": ran('user-mcp'),
  "the user's commands are told to the model": sent('userCommand'),
}

export const judge = (attack: Attack, seen: Observation): Outcome | string => judges[attack](seen)
