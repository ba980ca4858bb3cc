// Which server the settings are for, whether it wants keys and which models it has: asked of the server where one runs, and the usual
// values where none does. The key itself is no part of it.
import { homedir } from 'node:os'
import { processEnvironment } from '../../config/load.ts'
import type { Environment } from '../../config/sources.ts'
import { nearestName } from '../../platform/did-you-mean.ts'
import { CommandError, note, settingsFor, UsageError } from '../command.ts'
import { getJson } from '../server-answers.ts'
import { runningServer, ServerClient, type ServerFlags, ServerRefusal } from '../server-client.ts'
import { keyVariable, type Surroundings, type Target } from './instructions.ts'

export type TargetFlags = ServerFlags & { model?: string }

/** `isRunning`: whether a server has answered. */
export type FoundTarget = Target & { isRunning: boolean }

const usualModels = ['sonnet', 'opus', 'haiku']
const usualAgents = ['agent/sonnet']
const usualPort = 5005

export function surroundings(environment: Environment = processEnvironment()): Surroundings {
  return { platform: process.platform, home: environment.HOME || homedir(), environment }
}

/** Throws UsageError for a model that the server does not have, or that can be none. */
export async function findTarget(wish: TargetFlags): Promise<FoundTarget> {
  const around = surroundings()
  const url = await findUrl(wish, around.environment)
  const answer = url === null ? null : await ask(url, around.environment)
  const known = answer?.models ?? null
  const model = await chooseModel(wish.model, known, answer?.client ?? null)
  const offered = (names: string[]) => (known === null ? names : names.filter((name) => known.includes(name)))
  return {
    url: url ?? usualUrl(wish),
    hasKeys: answer?.hasKeys ?? Boolean(around.environment[keyVariable]),
    model,
    models: offered(usualModels),
    agents: offered(usualAgents),
    surroundings: around,
    isRunning: answer !== null,
  }
}

async function findUrl(wish: TargetFlags, environment: Environment): Promise<string | null> {
  const isGiven = Boolean(wish.url ?? environment.CLAUDE_SERVE_URL)
  // The parser's form: nothing in it means anything to a shell.
  if (isGiven) return new URL((await ServerClient.find(wish)).url).href.replace(/\/+$/, '')
  const address = await runningServer(wish)
  if (address !== null) return address.url
  note(`no server runs in ${settingsFor(wish).dataDir}: these settings are for its usual address`)
  return null
}

function usualUrl(wish: TargetFlags): string {
  const { port } = settingsFor(wish, { host: '127.0.0.1' })
  return `http://127.0.0.1:${port || usualPort}`
}

type Answer = { client: ServerClient; hasKeys: boolean; models: string[] | null }

/** Null where nobody answers. Asked without a key first, which tells whether there are keys. */
async function ask(url: string, environment: Environment): Promise<Answer | null> {
  const stranger = new ServerClient(url, null)
  try {
    return { client: stranger, hasKeys: false, models: await listModels(stranger) }
  } catch (fault) {
    if (fault instanceof ServerRefusal && fault.status === 401) return askWithKey(url, environment)
    return giveUp(fault, url, stranger)
  }
}

async function askWithKey(url: string, environment: Environment): Promise<Answer> {
  const client = new ServerClient(url, environment[keyVariable] || null)
  if (!environment[keyVariable]) {
    note(`this server wants a key: make one with claude-serve keys create <name>, and put it into ${keyVariable}`)
    return { client, hasKeys: true, models: null }
  }
  try {
    return { client, hasKeys: true, models: await listModels(client) }
  } catch (fault) {
    if (!(fault instanceof ServerRefusal)) throw fault
    note(fault.status === 401 ? `this server refuses the key in ${keyVariable}` : fault.message)
    return { client, hasKeys: true, models: null }
  }
}

/** A server that has no list of models just now is one all the same. */
function giveUp(fault: unknown, url: string, client: ServerClient): Answer | null {
  if (!(fault instanceof CommandError)) throw fault
  note(fault.message)
  if (fault instanceof ServerRefusal) return { client, hasKeys: false, models: null }
  note(`these settings are for ${url} all the same`)
  return null
}

type ModelList = { data: { id: string }[] }

async function listModels(client: ServerClient): Promise<string[]> {
  const isList = ({ data }: Partial<ModelList>) => Array.isArray(data) && data.every(({ id }) => typeof id === 'string')
  return (await getJson<ModelList>(client, '/v1/models', isList)).data.map(({ id }) => id)
}

/** Names go into files and command lines as they are, so that they must be names. */
const modelName = /^[a-z0-9][\w.:/@[\]-]{0,127}$/i

async function chooseModel(wanted: string | undefined, known: string[] | null, client: ServerClient | null) {
  if (wanted === undefined) return firstOf(known ?? usualModels)
  if (!modelName.test(wanted)) throw new UsageError(`--model: ${JSON.stringify(wanted)} cannot be the name of a model`)
  if (known === null || known.includes(wanted) || client === null || (await has(client, wanted))) return wanted
  const nearest = nearestName(wanted, known)
  const hint = nearest === null ? 'claude-serve models lists those there are' : `did you mean ${nearest}?`
  throw new UsageError(`--model: this server has no model ${JSON.stringify(wanted)}; ${hint}`)
}

const firstOf = (known: readonly string[]): string =>
  [...usualModels.filter((name) => known.includes(name)), ...known].find((name) => modelName.test(name)) ?? 'sonnet'

/** The list leaves older full names out. */
async function has(client: ServerClient, model: string): Promise<boolean> {
  try {
    await client.send('GET', `/v1/models/${encodeURIComponent(model)}`)
    return true
  } catch (fault) {
    if (fault instanceof ServerRefusal && fault.status === 404) return false
    throw fault
  }
}
