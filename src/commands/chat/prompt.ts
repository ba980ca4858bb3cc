// The prompt of `claude-serve chat`: its arguments, followed by the text from stdin.
import { CommandError, note, UsageError } from '../command.ts'

/** Throws UsageError if the prompt is empty. */
export async function readPrompt(words: readonly string[]): Promise<string> {
  const parts = [words.join(' '), process.stdin.isTTY ? '' : await readInput()]
  const prompt = parts.filter((part) => part.trim() !== '').join('\n\n')
  if (prompt === '') throw new UsageError('the prompt is empty: pass one as an argument or on stdin')
  return prompt
}

/** More than any server accepts. */
const inputBytesMax = 256 * 1024 ** 2

/** A hint after this time, for users who forget that stdin is open. */
const silenceMs = 3000

async function readInput(): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  const timer = setTimeout(() => note('waiting for stdin to end (add < /dev/null to skip it)'), silenceMs)
  try {
    for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
      timer.refresh()
      chunks.push(chunk)
      bytes += chunk.length
      if (bytes > inputBytesMax) throw new CommandError('stdin is too long for a prompt: at most 256 MiB')
    }
    return new TextDecoder('utf8', { fatal: true }).decode(Buffer.concat(chunks))
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    throw new CommandError('stdin is not UTF-8: a prompt must be UTF-8 text')
  } finally {
    clearTimeout(timer)
  }
}
