// Finds the server that the settings are for, whether it requires keys, and which models it has. If no server runs, the default values are
// used. The key itself is not included.
import { homedir } from 'node:os'
import { processEnvironment } from '../../config/load.ts'
import type { Environment } from '../../config/sources.ts'
import { nearestName } from '../../platform/did-you-mean.ts'
import { installation, ownCommand } from '../../platform/installation.ts'
import { CommandError, note, settingsFor, UsageError } from '../command.ts'
import { modelIds } from '../models.ts'
import { runningServer, ServerClient, type ServerFlags, ServerRefusal } from '../server-client.ts'
import { keyVariable, type Surroundings, type Target } from './instructions.ts'

export type TargetFlags = ServerFlags & { model?: string }

/** `isRunning`: whether a server responded. */
export type FoundTarget = Target & { isRunning: boolean }

const defaultModels = ['sonnet', 'opus', 'haiku']
const defaultAgents = ['agent/sonnet']
const defaultPort = 5005

export function surroundings(environment: Environment = processEnvironment()): Surroundings {
  return { platform: process.platform, home: environment.HOME || homedir(), environment }
}

/** Throws UsageError if the server does not have the model, or the name is invalid. */
export async function findTarget(flags: TargetFlags): Promise<FoundTarget> {
  const machine = surroundings()
  const url = await findUrl(flags, machine.environment)
  const answer = url === null ? null : await query(url, machine.environment)
  const known = answer?.models ?? null
  const model = await chooseModel(flags.model, known, answer?.client ?? null)
  const offered = (names: string[]) => (known === null ? names : names.filter((name) => known.includes(name)))
  return {
    url: url ?? defaultUrl(flags),
    hasKeys: answer?.hasKeys ?? Boolean(machine.environment[keyVariable]),
    call: installation().call,
    model,
    models: offered(defaultModels),
    agents: offered(defaultAgents),
    surroundings: machine,
    isRunning: answer !== null,
  }
}

async function findUrl(flags: TargetFlags, environment: Environment): Promise<string | null> {
  const isSet = Boolean(flags.url ?? environment.CLAUDE_SERVE_URL)
  // The form that the URL parser returns contains nothing special to a shell.
  if (isSet) return new URL((await ServerClient.find(flags)).url).href.replace(/\/+$/, '')
  const address = await runningServer(flags)
  if (address !== null) return address.url
  note(`no server is running in ${settingsFor(flags).dataDir}: these settings use its default address`)
  return null
}

function defaultUrl(flags: TargetFlags): string {
  const { port } = settingsFor(flags, { host: '127.0.0.1' })
  return `http://127.0.0.1:${port || defaultPort}`
}

type ServerInfo = { client: ServerClient; hasKeys: boolean; models: string[] | null }

/** Null if nothing responds. The first request has no key, which shows whether the server requires one. */
async function query(url: string, environment: Environment): Promise<ServerInfo | null> {
  const client = new ServerClient(url, null)
  try {
    return { client, hasKeys: false, models: await modelIds(client) }
  } catch (error) {
    if (error instanceof ServerRefusal && error.status === 401) return queryWithKey(url, environment)
    return reportError(error, url, client)
  }
}

async function queryWithKey(url: string, environment: Environment): Promise<ServerInfo> {
  const client = new ServerClient(url, environment[keyVariable] || null)
  if (!environment[keyVariable]) {
    note(
      `this server requires a key: create one with ${ownCommand('keys create <name>')}, and set ${keyVariable} to it`,
    )
    return { client, hasKeys: true, models: null }
  }
  try {
    return { client, hasKeys: true, models: await modelIds(client) }
  } catch (error) {
    if (!(error instanceof ServerRefusal)) throw error
    note(error.status === 401 ? `this server rejects the key in ${keyVariable}` : error.message)
    return { client, hasKeys: true, models: null }
  }
}

/** A server that cannot list its models at the moment still counts. */
function reportError(error: unknown, url: string, client: ServerClient): ServerInfo | null {
  if (!(error instanceof CommandError)) throw error
  note(error.message)
  if (error instanceof ServerRefusal) return { client, hasKeys: false, models: null }
  note(`these settings use ${url} anyway`)
  return null
}

/** Names are copied into files and command lines, so only safe ones are accepted. */
const modelName = /^[a-z0-9][\w.:/@[\]-]{0,127}$/i

async function chooseModel(wanted: string | undefined, known: string[] | null, client: ServerClient | null) {
  if (wanted === undefined) return preferredModel(known ?? defaultModels)
  if (!modelName.test(wanted)) throw new UsageError(`--model: ${JSON.stringify(wanted)} is not a valid model name`)
  if (known === null || known.includes(wanted) || client === null || (await has(client, wanted))) return wanted
  const nearest = nearestName(wanted, known)
  const hint = nearest === null ? `${ownCommand('models')} lists the available ones` : `did you mean ${nearest}?`
  throw new UsageError(`--model: this server has no model ${JSON.stringify(wanted)}; ${hint}`)
}

const preferredModel = (known: readonly string[]): string =>
  [...defaultModels.filter((name) => known.includes(name)), ...known].find((name) => modelName.test(name)) ?? 'sonnet'

/** The list omits older full names. */
async function has(client: ServerClient, model: string): Promise<boolean> {
  try {
    await client.send('GET', `/v1/models/${encodeURIComponent(model)}`)
    return true
  } catch (error) {
    if (error instanceof ServerRefusal && error.status === 404) return false
    throw error
  }
}
