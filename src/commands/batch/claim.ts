// A small file beside the output that exists while lines remain to be answered. It keeps a second batch out, and stores the id from which
// this output's idempotency keys are derived, so that the next invocation finds the runs of a batch that was killed. A new output gets a
// new id.
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { open, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { isRunning, ownIdentity } from '../../claude/process/process-registry.ts'
import { isObject, parseJson } from '../../platform/json.ts'
import { CommandError, reasonOf } from '../command.ts'

export type Claim = {
  /** What this output's idempotency keys are derived from. */
  batch: string
  /** To be called when every line was processed. Otherwise the next invocation resumes, once this process is gone. */
  complete(): Promise<void>
  /** To be called if nothing was started. A claim left by an earlier invocation stays. */
  abandon(): Promise<void>
}

type Content = { batch: string; process: string }

const claimFileOf = (output: string): string => `${output}.batch`

/** Throws CommandError if another batch is writing this output. */
export async function claimOutput(output: string): Promise<Claim> {
  const file = claimFileOf(output)
  const process = await ownIdentity()
  const previous = await readClaim(file)
  if (previous !== null && (await isRunning(previous.process))) throw inUse(output)
  const batch = previous !== null && existsSync(output) ? previous.batch : `batch_${randomBytes(16).toString('hex')}`
  await writeClaim(file, { batch, process }, previous === null)
  const complete = () => rm(file, { force: true })
  return { batch, complete, abandon: previous === null ? complete : async () => {} }
}

const inUse = (output: string) =>
  new CommandError(`another batch is writing ${output}: wait until it ends, or choose another file with --output`)

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
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw inUse(file.replace(/\.batch$/, ''))
    throw new CommandError(`${file} cannot be written: ${reasonOf(error)}`)
  }
}

async function readClaim(file: string): Promise<Content | null> {
  const text = await readFile(file, 'utf8').catch(() => null)
  if (text === null) return null
  const content = parseJson(text)
  if (isObject(content) && typeof content.batch === 'string' && typeof content.process === 'string')
    return { batch: content.batch, process: content.process }
  // The process was killed while writing it, before it had started anything.
  await rm(file, { force: true })
  return null
}
