// The command `service`: writes, starts, shows and removes what makes the operating system run the server for its user. What the file
// holds is in systemd.ts and launchd.ts, what the server is started with in plan.ts.
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Command } from 'commander'
import { processEnvironment } from '../../config/load.ts'
import { answer, CommandError, type ExitCode, note, print, printJson } from '../command.ts'
import { write } from '../output.ts'
import { runningServer } from '../server-client.ts'
import { asTable } from '../terminal-text.ts'
import { launchd } from './launchd.ts'
import { type Manager, type ManagerCall, runTool } from './manager.ts'
import { hiddenVariables, makePlan, type Plan } from './plan.ts'
import { systemd } from './systemd.ts'

export type InstallFlags = { print?: boolean }
export type StateFlags = { json?: boolean }

export function installService(words: readonly string[], flags: InstallFlags, program: Command): Promise<ExitCode> {
  return answer('service install', async () => {
    const manager = ownManager()
    const plan = makePlan(words, program)
    const text = manager.text(plan)
    if (flags.print === true) return void (await write(text))
    const before = readOwnFile(manager)
    await refuseSecondServer(manager, plan)
    writeWhole(manager.file, text)
    print(`wrote ${manager.file}`)
    tellHidden()
    await runAll(manager.start(before !== null), manager)
    print(`started it: claude-serve status shows what it does\n${manager.afterwards}`)
  })
}

export function uninstallService(): Promise<ExitCode> {
  return answer('service uninstall', async () => {
    const manager = ownManager()
    // What was asked for is so already, as with stop.
    if (readOwnFile(manager) === null) return note(`there is no service: ${manager.file} is not there`)
    const fault = await firstFault(manager.stop)
    for (const file of [manager.file, ...manager.links]) rmSync(file, { force: true })
    await firstFault(manager.forget)
    print(`removed ${manager.file}`)
    if (fault !== null) note(`${fault}: where the server still runs, claude-serve stop ends it`)
  })
}

export function showService(flags: StateFlags): Promise<ExitCode> {
  return answer('service status', async () => {
    const manager = ownManager()
    const isInstalled = readOwnFile(manager) !== null
    const { enabled, state } = isInstalled ? await manager.state() : { enabled: null, state: null }
    const isActive = state === manager.activeState
    if (flags.json === true) printJson({ installed: isInstalled, file: manager.file, enabled, state, active: isActive })
    else if (isInstalled) {
      const rows = [
        ['file', manager.file],
        ['at login', enabled ?? 'not known'],
        ['state', state ?? 'not known'],
      ]
      print(asTable(rows).join('\n'))
    } else note(`there is no service: ${manager.file} is not there; make one with claude-serve service install`)
    return isActive ? 0 : 1
  })
}

/** Throws CommandError where the system has neither. */
function ownManager(): Manager {
  const environment = processEnvironment()
  if (process.platform === 'linux') return systemd(environment)
  if (process.platform === 'darwin') return launchd(environment, process.getuid?.() ?? 0)
  throw new CommandError(`there is no service for ${process.platform}: start claude-serve from your session's start-up`)
}

/** What we wrote there before; null where nothing is. Throws CommandError for somebody else's file. */
function readOwnFile({ file }: Manager): string | null {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (fault) {
    if ((fault as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw new CommandError(`${file} cannot be read: ${(fault as Error).message}`)
  }
  if (text.includes('claude-serve service install')) return text
  throw new CommandError(`${file} was not written by claude-serve: move it away first`)
}

/** Two servers cannot have one data folder; the service would be started again and again. */
async function refuseSecondServer(manager: Manager, { dataDir }: Plan): Promise<void> {
  const other = await runningServer({ dataDir })
  if (other === null || (await manager.state()).state === manager.activeState) return
  throw new CommandError(
    `a server runs already (pid ${other.pid}): end it with claude-serve stop, then install the service`,
  )
}

function writeWhole(file: string, text: string): void {
  try {
    mkdirSync(dirname(file), { recursive: true })
    // Whole or not at all, and never through a link that stands there.
    writeFileSync(`${file}.new`, text, { mode: 0o644 })
    renameSync(`${file}.new`, file)
  } catch (fault) {
    throw new CommandError(`${file} cannot be written: ${(fault as Error).message}`)
  }
}

function tellHidden(): void {
  const names = hiddenVariables(processEnvironment())
  if (names.length > 0)
    note(`set here, but not for the service: ${names.join(', ')} (claude-serve service install --help)`)
}

async function firstFault(calls: readonly ManagerCall[]): Promise<string | null> {
  for (const { words, mayFail } of calls) {
    const { fault } = await runTool(words)
    if (fault !== null && !mayFail) return fault
  }
  return null
}

async function runAll(calls: readonly ManagerCall[], { file }: Manager): Promise<void> {
  const fault = await firstFault(calls)
  if (fault === null) return
  const byHand = calls.map(({ words }) => words.join(' ')).join(' && ')
  throw new CommandError(`${file} is written, but not started (${fault}); where you are logged in, run: ${byHand}`)
}
