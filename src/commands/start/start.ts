// The command `start`: starts a server that outlives the terminal, and waits until it answers. What it prints goes to a file in the data
// folder; its log is where that of every server is (log/log-file.ts). Not for services (see commands/service/).
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { loadConfig, processEnvironment } from '../../config/load.ts'
import { type ConfigOption, configFileOption, configOptions } from '../../config/options.ts'
import { camelCase } from '../../config/sources.ts'
import { logFileName } from '../../log/log-file.ts'
import { ownCommand } from '../../platform/installation.ts'
import { makePrivateFile, makePrivateFolder } from '../../platform/private-files.ts'
import type { ServerAddress } from '../../platform/server-address.ts'
import { CommandError, type ExitCode, note, print, printJson, runCommand } from '../command.ts'
import { serverOf } from '../server-client.ts'
import { startCommandOfService } from '../service/service.ts'
import { unlistedServer } from '../stop/target.ts'

/** Below the data folder. It is emptied at each start. */
export const outputFileName = join(dirname(logFileName), 'start.log')

type StartFlags = Record<string, unknown>

export function startInBackground(flags: StartFlags): Promise<ExitCode> {
  return runCommand('start', async () => {
    const { json, ...settings } = flags
    const environment = processEnvironment()
    const { config, sources } = loadConfig({ flags: settings, environment, cwd: process.cwd(), isTerminal: false })
    const { dataDir } = config
    const running = await serverOf(dataDir)
    if (running !== null) return report(running, false, dataDir, json === true)
    const other = await unlistedServer(dataDir)
    if (other !== null)
      throw new CommandError(
        `the server of ${dataDir} (pid ${other.pid}) is starting or stopping: try again in a moment`,
      )
    const isUsual = sources.some(({ key, source }) => key === 'data-dir' && source === 'default')
    const service = isUsual ? startCommandOfService() : null
    if (service !== null)
      throw new CommandError(
        `the server is installed as a service: start it with ${service}, or pass another --data-dir`,
      )
    const child = spawnServer(settings, dataDir)
    report(await untilListening(child, dataDir), true, dataDir, json === true)
  })
}

function report({ url, pid, version }: ServerAddress, started: boolean, dataDir: string, isJson: boolean): void {
  const log = join(dataDir, logFileName)
  if (isJson) return printJson({ started, url, pid, version, log })
  if (!started) return print(`claude-serve ${version} is already running at ${url}`)
  print(`claude-serve ${version} is running at ${url} (pid ${pid})`)
  note(`its log is ${log}; ${ownCommand('stop')} stops it`)
}

function spawnServer(settings: StartFlags, dataDir: string): ChildProcess {
  const path = join(dataDir, outputFileName)
  for (const folder of [dataDir, dirname(path)]) makePrivateFolder(folder, note)
  makePrivateFile(path, note)
  const output = openSync(path, 'w', 0o600)
  try {
    const words = ['serve', ...toWords(settings), '--background']
    const child = spawn(process.execPath, [...process.execArgv, process.argv[1] ?? '', ...words], {
      // In a session of its own: it does not end with this terminal.
      detached: true,
      stdio: ['ignore', output, output],
      // The same as that of a server which is started in this terminal.
      env: processEnvironment(),
    })
    child.unref()
    return child
  } finally {
    closeSync(output)
  }
}

/** The flags again, as they were passed. */
function toWords(settings: StartFlags): string[] {
  const names = [...Object.values<ConfigOption>(configOptions), configFileOption].map(({ name }) => name)
  return names.flatMap((name) => {
    const value = settings[camelCase(name)]
    if (value === undefined) return []
    if (typeof value === 'boolean') return [value ? `--${name}` : `--no-${name}`]
    return [value].flat().map((each) => `--${name}=${each}`)
  })
}

const pollMs = 50
/** A server listens within a second; reading a large database can take longer. */
const timeoutMs = 60_000

/** Polls, because the server announces its address by a file. Throws CommandError if the server ends, or does not listen in time. */
async function untilListening(child: ChildProcess, dataDir: string): Promise<ServerAddress> {
  const startedAt = performance.now()
  const path = join(dataDir, outputFileName)
  const ended = once(child, 'exit').then(() => true)
  while (performance.now() - startedAt < timeoutMs) {
    const address = await serverOf(dataDir)
    if (address !== null && address.pid === child.pid && (await answers(address))) return address
    if (await Promise.race([ended, delay(pollMs, false)]))
      throw new CommandError(`the server did not start: ${lastWords(path)}`)
  }
  throw new CommandError(
    `the server (pid ${child.pid}) does not answer after ${timeoutMs / 1000} s: ${path} may show why; ${ownCommand('stop')} stops it`,
  )
}

async function answers({ url }: ServerAddress): Promise<boolean> {
  return fetch(`${url}/livez`, { signal: AbortSignal.timeout(5000) }).then(
    ({ ok }) => ok,
    () => false,
  )
}

/** What the server printed before it ended. */
function lastWords(path: string): string {
  const lines = readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith(`see ${ownCommand('')}`))
  const line = lines.findLast((each) => each.startsWith('claude-serve: ')) ?? lines.at(-1)
  return line === undefined ? `see ${path}` : line.replace(/^claude-serve: /, '')
}
