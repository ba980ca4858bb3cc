// A small file beside the output for as long as lines are left to do: it keeps a second batch out, and gives the requests of this output
// names of their own, so that the next start finds the runs of one that was killed. Whoever begins a new output begins with new names.
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { open, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { identityOf, ownIdentity } from '../../claude/process/process-registry.ts'
import { processInfo } from '../../claude/process/process-tree.ts'
import { CommandError } from '../command.ts'
import { isObject } from './input.ts'

export type Claim = {
  /** What the names of this output's requests are made of. */
  batch: string
  /** Every line was gone through. Without this the next start goes on, as soon as this process is gone. */
  complete(): Promise<void>
  /** Nothing was begun, and nothing was left by an earlier start. */
  giveUp(): Promise<void>
}

type Content = { batch: string; process: string }

export const claimFileOf = (output: string): string => `${output}.batch`

/** Throws CommandError where another batch writes this output. */
export async function claimOutput(output: string): Promise<Claim> {
  const file = claimFileOf(output)
  const process = await ownIdentity()
  const left = await readClaim(file)
  if (left !== null && (await isRunning(left.process))) throw inUse(output)
  const batch = left !== null && existsSync(output) ? left.batch : `batch_${randomBytes(16).toString('hex')}`
  await writeClaim(file, { batch, process }, left === null)
  const complete = () => rm(file, { force: true })
  return { batch, complete, giveUp: left === null ? complete : async () => {} }
}

const inUse = (output: string) =>
  new CommandError(`another batch writes ${output}: wait for it, or name another file with --output`)

async function writeClaim(file: string, content: Content, isNew: boolean): Promise<void> {
  const text = `${JSON.stringify(content)}\n`
  try {
    if (isNew) {
      const handle = await open(file, 'wx', 0o600)
      await handle.writeFile(text)
      await handle.close()
    } else {
      await writeFile(`${file}.new`, text, { mode: 0o600 })
      await rename(`${file}.new`, file)
    }
  } catch (fault) {
    if ((fault as NodeJS.ErrnoException).code === 'EEXIST') throw inUse(file.replace(/\.batch$/, ''))
    throw new CommandError(`${file} cannot be written: ${(fault as Error).message}`)
  }
}

async function readClaim(file: string): Promise<Content | null> {
  const text = await readFile(file, 'utf8').catch(() => null)
  if (text === null) return null
  const content = parse(text)
  if (isObject(content) && typeof content.batch === 'string' && typeof content.process === 'string')
    return { batch: content.batch, process: content.process }
  // Its writer was killed in the middle: nothing was begun then.
  await rm(file, { force: true })
  return null
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

async function isRunning(identity: string): Promise<boolean> {
  const info = await processInfo(Number(identity.split('-')[0]))
  return info !== null && identityOf(info) === identity
}
