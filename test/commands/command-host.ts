// A process that runs command lines one after the other, because starting a process for each costs more than everything else that their
// tests do. Each gets its own folder, environment, arguments and streams, and leaves nothing behind for the next. Not for commands that
// receive signals, draw on a terminal, pass their streams on, end by process.exit or hold a file until their process ends: those need a process
// of their own (command-process.ts).
import { PassThrough, Writable } from 'node:stream'
import { WriteStream } from 'node:tty'
import { runProgram } from '../../src/commands/program.ts'

export type HostRequest = {
  argv: string[]
  cwd: string
  environment: Record<string, string>
  input: string | Buffer
  platform: NodeJS.Platform
  /** Whether the streams say that they are a terminal, where stdout and stderr are one. */
  isTerminal: boolean
}

export type HostReply = { code: number; stdout: string; stderr: string }

const realPlatform = process.platform

/** Collects what is written, like the pipe that a parent reads. */
class Collector extends Writable {
  readonly #chunks: Buffer[] = []

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#chunks.push(chunk)
    done()
  }

  get text(): string {
    return Buffer.concat(this.#chunks).toString()
  }
}

/** The same on a terminal of unknown size. */
class TerminalCollector extends Collector {
  readonly isTTY = true
  readonly columns = 0
  readonly getColorDepth = WriteStream.prototype.getColorDepth
  readonly hasColors = WriteStream.prototype.hasColors
}

const replace = (name: keyof NodeJS.Process, value: unknown) =>
  Object.defineProperty(process, name, { value, configurable: true, enumerable: true })

function replaceEnvironment(environment: Record<string, string>): void {
  for (const name of Object.keys(process.env)) delete process.env[name]
  Object.assign(process.env, environment)
}

/** Removes the listeners that a command leaves to the end of its process. */
function keepListeners(): () => void {
  const before = new Map(process.eventNames().map((name) => [name, process.rawListeners(name)]))
  return () => {
    for (const name of process.eventNames()) {
      for (const listener of process.rawListeners(name)) {
        if (!before.get(name)?.includes(listener)) process.off(name, listener as () => void)
      }
    }
  }
}

/** Where Node's fetch keeps its connections. */
const dispatcherKey = Symbol.for('undici.globalDispatcher.1')
type Dispatcher = { destroy(): Promise<void>; constructor: new () => Dispatcher }

/** The end of a process also ends its connections. */
async function closeConnections(): Promise<void> {
  const holder = globalThis as { [dispatcherKey]?: Dispatcher }
  const dispatcher = holder[dispatcherKey]
  if (dispatcher === undefined) return
  await dispatcher.destroy()
  holder[dispatcherKey] = new dispatcher.constructor()
}

async function runOne({ argv, cwd, environment, input, platform, isTerminal }: HostRequest): Promise<HostReply> {
  const stdin = Object.assign(new PassThrough(), isTerminal ? { isTTY: true } : {})
  const stdout = isTerminal ? new TerminalCollector() : new Collector()
  const stderr = isTerminal ? stdout : new Collector()
  const removeListeners = keepListeners()
  stdin.end(input)
  process.chdir(cwd)
  replaceEnvironment(environment)
  process.argv = [process.execPath, ...argv]
  for (const [name, value] of Object.entries({ stdin, stdout, stderr, platform }))
    replace(name as keyof NodeJS.Process, value)
  let code: number
  try {
    code = await runProgram()
  } catch (error) {
    // As in cli.ts.
    stderr.write(`claude-serve: ${error instanceof Error ? error.message : String(error)}\n`)
    code = 1
  }
  await closeConnections()
  removeListeners()
  replace('platform', realPlatform)
  // The folder of a test is removed after it.
  process.chdir('/')
  return { code, stdout: stdout.text, stderr: isTerminal ? '' : stderr.text }
}

process.once('disconnect', () => process.exit())
process.on('message', (request: HostRequest) => {
  void runOne(request).then((reply) => process.send?.(reply))
})
