// Observes one column of the table: runs the CLI with its switches, in a hostile folder and an ordinary user's home, with the prompts
// of an attacking client and a model that calls tools. Reports the outcome of each attack.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type RecordedRequest, startUpstream, type Upstream } from '../../src/demo/upstream.ts'
import { makeFolders, step, testEnvironment } from '../helpers/test-server.ts'
import { isResult, type Line, runClaude } from './cli-switches-claude.ts'
import type { Attack, Column, Outcome } from './cli-switches-table.ts'
import { type Canary, canariesIn, type HostileFolder, heapDump, makeHostileFolder } from './hostile-folder.ts'

export type Observation = {
  /** What the process reported about itself with each turn. */
  inits: Line[]
  /** The prompts without tool calls, as the process received them. */
  prompts: string[]
  /** The last text of the user in each request, in order. */
  userTexts: string[]
  /** The requests that went where the repository wants them, and those that went where they should. */
  astray: RecordedRequest[]
  own: RecordedRequest[]
  canaries: Canary[]
  marks: string[]
  theme: unknown
  hasOriginalSettings: boolean
  heapDumps: number
  wroteInFolder: boolean
  /** Whether a command ran that only the user's own rule allows: without the rule, and with it. */
  ranUnallowed: boolean
  ranAllowed: boolean
  /** The permission mode of the second process, for which the repository's settings say `acceptEdits`. */
  laterMode: unknown
  /** Whether the second process continued the conversation of the first. */
  hasResumed: boolean
}

const bash = (command: string) => ({ name: 'Bash', input: { command, description: 'Makes a file' } })

/** The model calls the tools one after the other, whether they are offered or not. */
const calls = (...tools: object[]) => tools.map((tool) => step({ tools: [tool], force_tool: true })).join(' ')

/** Only the rule allows it in any mode: a command that writes outside the folder. */
const outsideCall = (folder: HostileFolder) => bash(`echo x > '${folder.mark('bash-outside')}'`)

const inFolder = (folder: HostileFolder) => join(folder.cwd, 'written-by-bash')

const toolPrompt = (folder: HostileFolder) => {
  const read = { name: 'Read', input: { file_path: folder.files.otherSshKey } }
  return `use tools ${calls(read, bash(`touch '${inFolder(folder)}'`), outsideCall(folder))}`
}

/** The dump comes last: once it has begun there is nothing more to see, and it would take seconds. */
const firstPrompts = ({ files }: HostileFolder) => [
  `see @${files.outside} and @~/.ssh/id_rsa`,
  'see @inside.txt',
  '!id',
  '--version',
  '/heapdump',
]

/** Settings are written in the background, so the process that does it must be allowed to end by itself. */
const laterPrompts = ['/config theme=light']

/** When it settles, everything that was started has ended and all files are gone. */
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

/** The upstream shows its last four characters. */
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
  assert.equal(toolResultsIn(before), 3, `${column.name}: the model did not get the results of its calls`)
  folder.allowBash()
  folder.setDefaultMode('acceptEdits')
  const more = await runClaude({
    ...setting,
    prompts: [`once more ${calls(outsideCall(folder))}`, ...laterPrompts],
    resume: String(lines.find(isResult)?.session_id),
  })
  const requests = [...own.requests, ...astray.requests]
  const later = requests.find((request) => !before.includes(request))
  assert.equal(lastUserText(later).trim().slice(0, 9), 'once more', column.name)
  return {
    inits: lines.filter(isInit),
    prompts: [...firstPrompts(folder), ...laterPrompts].map((prompt) => `${column.prefix ?? ''}${prompt}`),
    userTexts: requests.map((request) => lastUserText(request)),
    ...{ own: own.requests, astray: astray.requests },
    canaries: canariesIn(requests.map(({ raw }) => raw).join('\n')),
    marks: folder.marks(),
    theme: folder.theme(),
    hasOriginalSettings: folder.hasOriginalSettings(),
    heapDumps: folder.heapDumps().length,
    wroteInFolder: existsSync(inFolder(folder)),
    ranUnallowed,
    ranAllowed: folder.marks().includes('bash-outside'),
    laterMode: more.find(isInit)?.permissionMode,
    hasResumed: later?.raw.includes('use tools') === true,
  }
}

const isInit = ({ subtype }: Line) => subtype === 'init'

function toolResultsIn(requests: RecordedRequest[]): number {
  const ids = requests.flatMap(({ raw }) => [...raw.matchAll(/"tool_use_id":"(\w+)"/g)].map(([, id]) => id))
  return new Set(ids).size
}

/** The last text of the user, without what the CLI adds to it. */
function lastUserText(request: RecordedRequest | undefined): string {
  const texts = (request?.body?.messages ?? []).flatMap(({ role, content }) => {
    if (role !== 'user') return []
    return typeof content === 'string' ? [content] : content.map(({ text }) => text ?? '')
  })
  return texts.findLast((text) => text !== '' && !text.startsWith('<system-reminder>')) ?? ''
}

/** All of them or none; anything in between is described, and is neither of the two outcomes. */
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

/** Any marker file with this prefix, except those named. */
const ranAny =
  (prefix: RegExp, ...but: string[]): Judge =>
  ({ marks }) =>
    someOf(marks.some((name) => prefix.test(name) && !but.includes(name)))

const judges: Record<Attack, Judge> = {
  'a file elsewhere and ~/.ssh/id_rsa, mentioned in the prompt, are sent': sent('outside', 'sshKey'),
  'a file of the folder, mentioned in the prompt, is sent': sent('inside'),
  "/config in the prompt rewrites the user's settings": ({ theme, hasOriginalSettings }) =>
    allOf({ 'the theme': theme === 'light', 'the file': !hasOriginalSettings }),
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
  "the repository's commands and skills are announced to the model": sent('repoCommand', 'repoSkill'),
  "the repository's agents are announced to the model": sent('repoAgent'),
  "the repository's output style is the system prompt": sent('repoOutputStyle'),
  "the repository's default permission mode is obeyed": ({ inits, laterMode }) =>
    someOf(laterMode !== inits[0]?.permissionMode),
  "the repository's plugin is loaded": ({ marks, canaries }) =>
    someOf(marks.includes('plugin-hook') || canaries.includes('plugin')),
  "other commands of the repository's settings run": ranAny(
    /^repo-(proxy-auth|aws-auth|gcp-auth|otel-headers|status-line|file-suggestion)/,
  ),
  "the user's MCP server is started": ran('user-mcp'),
  "the user's commands are announced to the model": sent('userCommand'),
}

export const judge = (attack: Attack, seen: Observation): Outcome | string => judges[attack](seen)
