// The command `service`: installs, shows and removes a service by which the operating system runs the server for its user. Not for the
// content of its file (see systemd.ts and launchd.ts) and what the server is started with (see plan.ts).
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Command } from 'commander'
import { processEnvironment } from '../../config/load.ts'
import { installation, ownCommand } from '../../platform/installation.ts'
import { CommandError, type ExitCode, note, print, printJson, reasonOf, runCommand } from '../command.ts'
import { write } from '../output.ts'
import { runningServer } from '../server-client.ts'
import { asTable } from '../table.ts'
import { launchd } from './launchd.ts'
import { type Manager, type ManagerCall, runTool } from './manager.ts'
import { hiddenVariables, makePlan, type Plan } from './plan.ts'
import { systemd } from './systemd.ts'

export type InstallFlags = { print?: boolean }
export type StateFlags = { json?: boolean }

export function installService(words: readonly string[], flags: InstallFlags, program: Command): Promise<ExitCode> {
  return runCommand('service install', async () => {
    const manager = ownManager()
    const plan = makePlan(words, program)
    const text = manager.text(plan)
    if (flags.print === true) return void (await write(text))
    const before = readOwnFile(manager)
    await refuseSecondServer(manager, plan)
    writeWhole(manager.file, text)
    print(`wrote ${manager.file}`)
    warnAboutHiddenVariables()
    await runAll(manager.start(before !== null), manager)
    print(`started it: ${ownCommand('status')} shows what it is doing\n${manager.afterwards}`)
  })
}

export function uninstallService(): Promise<ExitCode> {
  return runCommand('service uninstall', async () => {
    const manager = ownManager()
    // As with `stop`, this is already the desired state.
    if (readOwnFile(manager) === null) return note(`no service is installed: ${manager.file} does not exist`)
    const error = await firstError(manager.stop)
    for (const file of [manager.file, ...manager.links]) rmSync(file, { force: true })
    await firstError(manager.afterRemoval)
    print(`removed ${manager.file}`)
    if (error !== null) note(`${error}: if the server still runs, stop it with ${ownCommand('stop')}`)
  })
}

export function showService(flags: StateFlags): Promise<ExitCode> {
  return runCommand('service status', async () => {
    const manager = ownManager()
    const isInstalled = readOwnFile(manager) !== null
    const { enabled, state } = isInstalled ? await manager.state() : { enabled: null, state: null }
    const isActive = state === manager.activeState
    if (flags.json === true) printJson({ installed: isInstalled, file: manager.file, enabled, state, active: isActive })
    else if (isInstalled) {
      const rows = [
        ['file', manager.file],
        ['at login', enabled ?? 'unknown'],
        ['state', state ?? 'unknown'],
      ]
      print(asTable(rows).join('\n'))
    } else
      note(`no service is installed: ${manager.file} does not exist; install one with ${ownCommand('service install')}`)
    return isActive ? 0 : 1
  })
}

/** The command that starts the installed service; null if none is installed. */
export function startCommandOfService(): string | null {
  if (process.platform !== 'linux' && process.platform !== 'darwin') return null
  const manager = ownManager()
  if (!existsSync(manager.file)) return null
  return manager.start(true).at(-1)?.words.join(' ') ?? null
}

/** Throws CommandError if the system has neither. */
function ownManager(): Manager {
  const environment = processEnvironment()
  if (process.platform === 'linux') return systemd(environment)
  if (process.platform === 'darwin') return launchd(environment, process.getuid?.() ?? 0)
  throw new CommandError(
    `services are not supported on ${process.platform}: start ${installation().call} when you log in instead`,
  )
}

/** The file as we wrote it before; null if it does not exist. Throws CommandError for somebody else's file. */
function readOwnFile({ file }: Manager): string | null {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw new CommandError(`${file} cannot be read: ${reasonOf(error)}`)
  }
  if (text.includes('claude-serve service install')) return text
  throw new CommandError(`${file} was not written by claude-serve: move it elsewhere first`)
}

/** Two servers cannot share a data folder: the service would be restarted again and again. */
async function refuseSecondServer(manager: Manager, { dataDir }: Plan): Promise<void> {
  const other = await runningServer({ dataDir })
  if (other === null || (await manager.state()).state === manager.activeState) return
  throw new CommandError(
    `a server is already running (pid ${other.pid}): stop it with ${ownCommand('stop')}, then install the service`,
  )
}

function writeWhole(file: string, text: string): void {
  try {
    mkdirSync(dirname(file), { recursive: true })
    // Atomically, and never through an existing link.
    writeFileSync(`${file}.new`, text, { mode: 0o644 })
    renameSync(`${file}.new`, file)
  } catch (error) {
    throw new CommandError(`${file} cannot be written: ${reasonOf(error)}`)
  }
}

function warnAboutHiddenVariables(): void {
  const names = hiddenVariables(processEnvironment())
  if (names.length > 0)
    note(
      `set in this shell, but not for the service: ${names.join(', ')} (see ${ownCommand('service install --help')})`,
    )
}

async function firstError(calls: readonly ManagerCall[]): Promise<string | null> {
  for (const { words, mayFail } of calls) {
    const { error } = await runTool(words)
    if (error !== null && !mayFail) return error
  }
  return null
}

async function runAll(calls: readonly ManagerCall[], { file }: Manager): Promise<void> {
  const error = await firstError(calls)
  if (error === null) return
  const commands = calls.map(({ words }) => words.join(' ')).join(' && ')
  throw new CommandError(
    `${file} was written, but the service was not started (${error}); in a login session, run: ${commands}`,
  )
}
