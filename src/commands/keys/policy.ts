// Parses what a key may do: the flags of `claude-serve keys create` and `keys edit` beyond name, scopes, expiry, rate and
// budget. Not for what follows from a policy (see auth/key-policy.ts).
import { realpathSync, statSync } from 'node:fs'
import { budgetPeriods, type KeyPolicy } from '../../core/key-record.ts'
import { permissionModes } from '../../core/run-options.ts'
import { nearestName } from '../../platform/did-you-mean.ts'
import { notAccepted, readCount } from '../command.ts'

export type PolicyFlags = {
  models?: string
  tools?: string
  cwdRoot?: string[]
  permissionModes?: string
  maxConcurrency?: string
  budgetPeriod?: string
}

/** Removes a limit. */
export const none = 'none'

/** The parts of the policy that the flags set. Throws UsageError. */
export function readPolicy(flags: PolicyFlags): Partial<KeyPolicy> {
  const { models, tools, cwdRoot, permissionModes: modes, maxConcurrency, budgetPeriod } = flags
  return {
    ...(models === undefined ? {} : { models: readList('--models', models, 'sonnet,haiku') }),
    ...(tools === undefined ? {} : { tools: readList('--tools', tools, 'Read,Grep') }),
    ...(cwdRoot === undefined ? {} : { cwdRoots: cwdRoot.join() === none ? null : cwdRoot.map(readFolder) }),
    ...(modes === undefined ? {} : { permissionModes: readModes(modes) }),
    ...(maxConcurrency === undefined ? {} : { runsMax: readRuns(maxConcurrency) }),
    ...(budgetPeriod === undefined ? {} : { budgetPeriod: readPeriod(budgetPeriod) }),
  }
}

function readList(option: string, text: string, example: string): string[] | null {
  if (text === none) return null
  const names = text.split(',').map((name) => name.trim())
  if (names.every((name) => /^[\w.@:/[\]-]{1,128}$/.test(name))) return [...new Set(names)]
  throw notAccepted(option, text, `give names with commas between them, such as ${example}, or ${none} for no limit`)
}

function readFolder(path: string): string {
  try {
    const real = realpathSync(path)
    if (statSync(real).isDirectory()) return real
  } catch {
    // Reported below, whatever the reason is.
  }
  throw notAccepted('--cwd-root', path, `give an existing folder, or ${none} for no limit`)
}

function readModes(text: string): KeyPolicy['permissionModes'] {
  const names = readList('--permission-modes', text, 'default,plan')
  if (names === null) return null
  return names.map((name) => readChoice('--permission-modes', name, permissionModes))
}

const readRuns = (text: string) => (text === none ? null : readCount('--max-concurrency', text, 999, 'give'))

const readPeriod = (text: string) => (text === none ? null : readChoice('--budget-period', text, budgetPeriods))

function readChoice<T extends string>(option: string, text: string, choices: readonly T[]): T {
  const choice = choices.find((each) => each === text)
  if (choice !== undefined) return choice
  const nearest = nearestName(text, choices)
  throw notAccepted(
    option,
    text,
    nearest === null ? `give ${choices.join(', ')}, or ${none}` : `did you mean ${nearest}?`,
  )
}

/** The limits of a policy in words; empty if there are none. */
export function describePolicy({ models, tools, cwdRoots, permissionModes: modes, runsMax }: KeyPolicy): string[] {
  const lists = { models, tools, folders: cwdRoots, 'permission modes': modes }
  return [
    ...Object.entries(lists).flatMap(([name, list]) => (list === null ? [] : [`${name} ${list.join(' or ')}`])),
    ...(runsMax === null ? [] : [`${runsMax} at once`]),
  ]
}
