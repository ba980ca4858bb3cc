// The folder of each conversation: remembered for those used through this server, looked up for the others.
import { AppError } from '../../errors.ts'
import { findTranscript } from './transcript.ts'

/** How many conversations are remembered; the others are looked up again. */
const rememberedMax = 10_000

export class SessionFolders {
  readonly #configDir: string
  readonly #folders = new Map<string, string>()

  constructor(configDir: string) {
    this.#configDir = configDir
  }

  note(sessionId: string, cwd: string): void {
    this.#folders.delete(sessionId)
    this.#folders.set(sessionId, cwd)
    const [oldest] = this.#folders.keys()
    if (this.#folders.size > rememberedMax && oldest !== undefined) this.#folders.delete(oldest)
  }

  forget(sessionId: string): void {
    this.#folders.delete(sessionId)
  }

  /** Null if the conversation's file names no folder. Throws `session_not_found`. */
  async find(sessionId: string): Promise<string | null> {
    const known = this.#folders.get(sessionId)
    if (known !== undefined) return known
    const transcript = await findTranscript(this.#configDir, sessionId)
    if (transcript === null) throw new AppError('session_not_found', `There is no session ${sessionId}.`, { sessionId })
    return transcript.cwd
  }
}
