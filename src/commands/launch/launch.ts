// The command `launch`: shows or writes the settings that a client needs to use this server, and starts it if it is a terminal program.
// Not for the needs of any one client (see clients.ts).
import { nearestName } from '../../platform/did-you-mean.ts'
import { installation, ownCommand } from '../../platform/installation.ts'
import { CommandError, type ExitCode, print, printJson, runCommand, UsageError } from '../command.ts'
import { asTable, withHeading } from '../table.ts'
import type { Client } from './client.ts'
import { clients } from './clients.ts'
import {
  asText,
  type Block,
  keyVariable,
  type Part,
  type SettingsFile,
  shortPath,
  type Target,
  toBlock,
} from './instructions.ts'
import { type ClientName, clientNames, clientTitles, otherNames } from './names.ts'
import { type FileReport, reportFile } from './report.ts'
import { planFile, writeFile } from './settings-file.ts'
import { start } from './start.ts'
import { type FoundTarget, findTarget, surroundings, type TargetFlags } from './target.ts'

export type LaunchFlags = TargetFlags & { list?: boolean; print?: boolean; configOnly?: boolean }

export function launch(clientName: string | undefined, args: string[], flags: LaunchFlags): Promise<ExitCode> {
  return runCommand('launch', async () => {
    if (clientName === undefined || flags.list === true) return list(clientName, flags)
    const name = findName(clientName)
    const client = clients[name]
    const isStarted = checkStart(name, client, args, flags)
    const target = await findTarget(flags)
    if (flags.print === true) return show(name, target, flags)
    if (client.start === undefined || !isStarted) return setUp(name, partsOf(name, target), target, flags) ? 0 : 1
    const files = partsOf(name, target).filter((part) => part.kind === 'file')
    if (!setUp(name, files, target, flags)) return 1
    checkReady(name, target)
    return start(client.start(target), args, target.surroundings.environment)
  })
}

function findName(text: string): ClientName {
  const known = Object.hasOwn(otherNames, text) ? otherNames[text] : clientNames.find((name) => name === text)
  if (known !== undefined) return known
  const nearest = nearestName(text, [...clientNames, ...Object.keys(otherNames)])
  const hint = nearest === null ? `${ownCommand('launch --list')} shows all clients` : `did you mean ${nearest}?`
  throw new UsageError(`unknown client ${JSON.stringify(text)}: ${hint}`)
}

/** A script that passes no arguments wants the settings; a person at a terminal wants the client. */
function checkStart(name: ClientName, client: Client, args: readonly string[], flags: LaunchFlags): boolean {
  const isWanted = !(flags.print || flags.configOnly || flags.json) && client.start !== undefined
  if (args.length > 0 && !isWanted) {
    const why = client.start === undefined ? 'cannot be started from here' : 'is not started with these options'
    throw new UsageError(`${clientTitles[name]} ${why}: remove its arguments`)
  }
  const isTerminal = process.stdin.isTTY === true && process.stdout.isTTY === true
  return isWanted && (isTerminal || args.length > 0)
}

function checkReady(name: ClientName, { isRunning, hasKeys, surroundings }: FoundTarget): void {
  const title = clientTitles[name]
  if (!isRunning)
    throw new CommandError(`${title} was not started because no server responds: start one with ${installation().call}`)
  if (hasKeys && !surroundings.environment[keyVariable]) {
    throw new CommandError(`${title} was not started: set ${keyVariable} to a key of this server`)
  }
}

const partsOf = (name: ClientName, target: Target) => clients[name].parts(target)

export const blocksOf = (name: ClientName, target: Target): Block[] =>
  partsOf(name, target).map((part) => toBlock(part, target.surroundings))

/** The settings as JSON, for scripts. */
const factsOf = (name: ClientName, target: FoundTarget) => ({
  client: name,
  title: clientTitles[name],
  url: target.url,
  model: target.model,
  needs_key: target.hasKeys,
  blocks: blocksOf(name, target),
})

function show(name: ClientName, target: FoundTarget, { json }: LaunchFlags): void {
  if (json === true) printJson(factsOf(name, target))
  else print(asText(blocksOf(name, target)))
}

/** False if a file was left unchanged that needs changes. */
function setUp(name: ClientName, parts: readonly Part[], target: FoundTarget, flags: LaunchFlags): boolean {
  const { home } = target.surroundings
  const results = parts.map((part) => ({
    block: toBlock(part, target.surroundings),
    file: part.kind === 'file' ? apply(part, home) : null,
  }))
  const files = results.flatMap(({ file }) => (file === null ? [] : [file]))
  if (flags.json === true) printJson({ ...factsOf(name, target), files: files.map((file) => file.facts) })
  else if (results.length > 0)
    print(results.map(({ block, file }) => (file === null ? asText([block]) : reportFile(file, block))).join('\n\n'))
  return files.every(({ facts }) => facts.status !== 'left')
}

function apply(file: SettingsFile, home: string): FileReport {
  const plan = planFile(file)
  const path = plan.target
  const shown = shortPath(path, home)
  if (plan.skipReason !== null)
    return { shown, changes: [], facts: { path, status: 'left', reason: plan.skipReason, backup: null } }
  const { changes, isNew } = plan
  if (changes.length === 0) return { shown, changes, facts: { path, status: 'unchanged', reason: null, backup: null } }
  const backup = writeFile(path, plan.text, isNew)
  return { shown, changes, facts: { path, status: isNew ? 'created' : 'changed', reason: null, backup } }
}

function list(clientName: string | undefined, { json, print: isPrint }: LaunchFlags): void {
  if (clientName !== undefined) throw new UsageError('pass a client or --list, not both')
  if (isPrint === true) throw new UsageError('--print requires the name of a client')
  const rows = clientNames.map((name) => ({ name, title: clientTitles[name], ...effectsOf(clients[name]) }))
  if (json === true) return printJson(rows)
  const cells = rows.map(({ name, title, writes, starts }) => [name, title, describeEffects(writes, starts)])
  print(withHeading(asTable([['name', 'client', 'what launch does'], ...cells])))
}

type Effects = { writes: string | null; starts: string | null }

function effectsOf({ parts, start }: Client): Effects {
  const machine = surroundings()
  const target = {
    url: 'http://127.0.0.1',
    hasKeys: false,
    call: installation().call,
    model: 'sonnet',
    models: [],
    agents: [],
    surroundings: machine,
  }
  const file = parts(target).find((part) => part.kind === 'file')
  return {
    writes: file === undefined ? null : shortPath(file.path, machine.home),
    starts: start?.(target).program ?? null,
  }
}

function describeEffects(writes: string | null, starts: string | null): string {
  if (writes === null && starts === null) return 'shows what to enter'
  return [...(writes === null ? [] : [`writes ${writes}`]), ...(starts === null ? [] : [`starts ${starts}`])].join(', ')
}
