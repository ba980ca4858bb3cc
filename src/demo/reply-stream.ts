// Sends a reply as the server-sent events of the Messages API, with the failures that its step requests.
// Does not decide what the reply says.
import { type Delta, openingMessage, type Reply } from './reply-content.ts'
import type { ReplySink } from './reply-sink.ts'
import type { Step } from './step.ts'

type Failure = 'cut' | 'eof' | 'error' | 'json'

export async function streamReply(sink: ReplySink, step: Step, reply: Reply): Promise<void> {
  const stream = new ReplyStream(sink, step)
  await stream.event('message_start', { message: openingMessage(reply) })
  if (step.hang === 'body') await sink.untilGone()
  await sink.pause(step.start_delay)
  for (const [index, block] of reply.blocks.entries()) {
    await stream.event('content_block_start', { index, content_block: block.start })
    for (const delta of block.deltas()) {
      if (await stream.fails()) return
      await stream.delta(index, delta)
    }
    if (block.closing) await stream.event('content_block_delta', { index, delta: block.closing })
    await stream.event('content_block_stop', { index })
  }
  if (await stream.fails()) return
  await stream.event('message_delta', {
    delta: { stop_reason: reply.stopReason, stop_sequence: reply.stopSequence },
    usage: { output_tokens: reply.usage.output_tokens },
  })
  await stream.event('message_stop', {})
  sink.end()
}

class ReplyStream {
  readonly #sink: ReplySink
  readonly #step: Step
  #sent = 0

  constructor(sink: ReplySink, step: Step) {
    this.#sink = sink
    this.#step = step
  }

  event(type: string, fields: Record<string, unknown>): Promise<void> {
    return this.#sink.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`)
  }

  async delta(index: number, delta: Delta): Promise<void> {
    const { ping, malformed, gap } = this.#step
    if (ping && this.#sent % ping === 0) await this.event('ping', {})
    if (malformed === 'event') await this.event('mystery_event', {})
    else await this.event('content_block_delta', { index, delta })
    this.#sent++
    await this.#sink.pause(gap)
  }

  /** Simulates the failure that is due after the deltas sent so far. True if there is nothing more to send. */
  async fails(): Promise<boolean> {
    const failure = dueFailure(this.#step, this.#sent)
    if (failure === undefined) return false
    if (failure === 'cut') {
      await this.#sink.cut()
      return true
    }
    if (failure === 'error') await this.#errorEvent()
    if (failure === 'json')
      await this.#sink.write('event: content_block_delta\ndata: {"type":"content_block_delta","ind\n\n')
    this.#sink.end()
    return true
  }

  #errorEvent(): Promise<void> {
    const { sse_error: type, message = `scripted ${type}` } = this.#step
    return this.event('error', { error: { type, message } })
  }
}

function dueFailure(step: Step, sent: number): Failure | undefined {
  if (step.cut === sent) return 'cut'
  if (step.eof === sent) return 'eof'
  if (step.sse_error !== undefined && sent === (step.after ?? 0)) return 'error'
  if (step.malformed === 'json' && sent === (step.after ?? 2)) return 'json'
  return undefined
}
