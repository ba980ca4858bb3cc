// What `claude-serve chat` asks: the words of its command line, with what comes on stdin after them.
import { CommandError, note, UsageError } from '../command.ts'

/** Throws UsageError where there is nothing to ask. */
export async function readPrompt(words: readonly string[]): Promise<string> {
  const parts = [words.join(' '), process.stdin.isTTY ? '' : await readInput()]
  const prompt = parts.filter((part) => part.trim() !== '').join('\n\n')
  if (prompt === '') throw new UsageError('there is nothing to ask: give a prompt, or write it to stdin')
  return prompt
}

/** More than any server takes. */
const inputBytesMax = 256 * 1024 ** 2

/** Who forgets that stdin is open waits for ever otherwise. */
const silenceMs = 3000

async function readInput(): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  const timer = setTimeout(() => note('waiting for the end of stdin (< /dev/null leaves it out)'), silenceMs)
  try {
    for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
      timer.refresh()
      chunks.push(chunk)
      bytes += chunk.length
      if (bytes > inputBytesMax) throw new CommandError('there is too much on stdin for a prompt')
    }
    return new TextDecoder('utf8', { fatal: true }).decode(Buffer.concat(chunks))
  } catch (fault) {
    if (!(fault instanceof TypeError)) throw fault
    throw new CommandError('stdin is not text in UTF-8: a prompt must be')
  } finally {
    clearTimeout(timer)
  }
}
