// The command `launch`: shows or writes what a client needs to use this server, and starts it where it is a program of the terminal.
// Not for what any client needs (see clients.ts).
import { styleText } from 'node:util'
import { nearestName } from '../../platform/did-you-mean.ts'
import { answer, CommandError, type ExitCode, print, printJson, UsageError } from '../command.ts'
import { asTable } from '../terminal-text.ts'
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

export function launch(word: string | undefined, words: string[], flags: LaunchFlags): Promise<ExitCode> {
  return answer('launch', async () => {
    if (word === undefined || flags.list === true) return list(word, flags)
    const name = nameOf(word)
    const client = clients[name]
    const isStarted = checkStart(name, client, words, flags)
    const place = await findTarget(flags)
    if (flags.print === true) return show(name, place, flags)
    if (client.start === undefined || !isStarted) return setUp(name, partsOf(name, place), place, flags) ? 0 : 1
    const files = partsOf(name, place).filter((part) => part.kind === 'file')
    if (!setUp(name, files, place, flags)) return 1
    checkReady(name, place)
    return start(client.start(place), words, place.surroundings.environment)
  })
}

function nameOf(word: string): ClientName {
  const known = Object.hasOwn(otherNames, word) ? otherNames[word] : clientNames.find((name) => name === word)
  if (known !== undefined) return known
  const nearest = nearestName(word, [...clientNames, ...Object.keys(otherNames)])
  const hint = nearest === null ? 'claude-serve launch --list shows those there are' : `did you mean ${nearest}?`
  throw new UsageError(`there is no client ${JSON.stringify(word)}: ${hint}`)
}

/** A script that gives no arguments wants the settings; a person at a terminal wants the client. */
function checkStart(name: ClientName, client: Client, words: readonly string[], flags: LaunchFlags): boolean {
  const isWanted = !(flags.print || flags.configOnly || flags.json) && client.start !== undefined
  if (words.length > 0 && !isWanted) {
    const why = client.start === undefined ? 'no program that is started from here' : 'not started with these options'
    throw new UsageError(`${clientTitles[name]} is ${why}: it takes no arguments`)
  }
  const isTerminal = process.stdin.isTTY === true && process.stdout.isTTY === true
  return isWanted && (isTerminal || words.length > 0)
}

function checkReady(name: ClientName, { isRunning, hasKeys, surroundings }: FoundTarget): void {
  const title = clientTitles[name]
  if (!isRunning) throw new CommandError(`${title} is not started, as no server answers: start one with claude-serve`)
  if (hasKeys && !surroundings.environment[keyVariable]) {
    throw new CommandError(`${title} is not started: ${keyVariable} must hold a key of this server`)
  }
}

const partsOf = (name: ClientName, place: Target) => clients[name].parts(place)

export const blocksOf = (name: ClientName, place: Target): Block[] =>
  partsOf(name, place).map((part) => toBlock(part, place.surroundings))

/** The facts of a set-up, for scripts. */
const described = (name: ClientName, place: FoundTarget) => ({
  client: name,
  title: clientTitles[name],
  url: place.url,
  model: place.model,
  needs_key: place.hasKeys,
  blocks: blocksOf(name, place),
})

function show(name: ClientName, place: FoundTarget, { json }: LaunchFlags): void {
  if (json === true) printJson(described(name, place))
  else print(asText(blocksOf(name, place)))
}

/** False where a file was left as it is. */
function setUp(name: ClientName, parts: readonly Part[], place: FoundTarget, flags: LaunchFlags): boolean {
  const { home } = place.surroundings
  const told = parts.map((part) => ({
    block: toBlock(part, place.surroundings),
    file: part.kind === 'file' ? settle(part, home) : null,
  }))
  const files = told.flatMap(({ file }) => (file === null ? [] : [file]))
  if (flags.json === true) printJson({ ...described(name, place), files: files.map((file) => file.facts) })
  else if (told.length > 0)
    print(told.map(({ block, file }) => (file === null ? asText([block]) : reportFile(file, block))).join('\n\n'))
  return files.every(({ facts }) => facts.status !== 'left')
}

function settle(file: SettingsFile, home: string): FileReport {
  const plan = planFile(file)
  const path = plan.target
  const shown = shortPath(path, home)
  if (plan.left !== null)
    return { shown, changes: [], facts: { path, status: 'left', reason: plan.left, backup: null } }
  const { changes, isNew } = plan
  if (changes.length === 0) return { shown, changes, facts: { path, status: 'unchanged', reason: null, backup: null } }
  const backup = writeFile(path, plan.text, isNew)
  return { shown, changes, facts: { path, status: isNew ? 'created' : 'changed', reason: null, backup } }
}

function list(word: string | undefined, { json, print: isPrint }: LaunchFlags): void {
  if (word !== undefined) throw new UsageError('give a client or --list, not both')
  if (isPrint === true) throw new UsageError('--print needs the name of a client')
  const rows = clientNames.map((name) => ({ name, title: clientTitles[name], ...whatHappens(clients[name]) }))
  if (json === true) return printJson(rows)
  const [titles = '', ...lines] = asTable([
    ['name', 'client', 'what launch does'],
    ...rows.map(({ name, title, writes, starts }) => [name, title, inWords(writes, starts)]),
  ])
  print([styleText('bold', titles), ...lines].join('\n'))
}

type WhatHappens = { writes: string | null; starts: string | null }

function whatHappens({ parts, start }: Client): WhatHappens {
  const around = surroundings()
  const place = {
    url: 'http://127.0.0.1',
    hasKeys: false,
    model: 'sonnet',
    models: [],
    agents: [],
    surroundings: around,
  }
  const file = parts(place).find((part) => part.kind === 'file')
  return {
    writes: file === undefined ? null : shortPath(file.path, around.home),
    starts: start?.(place).program ?? null,
  }
}

function inWords(writes: string | null, starts: string | null): string {
  if (writes === null && starts === null) return 'shows what to enter'
  return [...(writes === null ? [] : [`writes ${writes}`]), ...(starts === null ? [] : [`starts ${starts}`])].join(', ')
}
