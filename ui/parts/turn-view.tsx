// One message with all its parts.
import { memo } from 'preact/compat'
import { count, money, seconds } from '../lib/format.ts'
import type { Part, Turn } from '../lib/turn.ts'
import { ApprovalCard } from './approval-card.tsx'
import { CodeBlock } from './code-block.tsx'
import { CopyButton } from './copy-button.tsx'
import { Markdown } from './markdown.tsx'
import { ToolCall } from './tool-call.tsx'

/** Texts for some errors of a run; the others show their own message. */
const errorTexts: Record<string, string> = {
  cancelled: 'Stopped.',
  timeout: 'Timed out. You can set a longer time limit under Options.',
}

const authors = { user: 'You', assistant: 'Claude', system: 'Claude Code' }

type Props = { turn: Turn; isLive: boolean; onRetry?: (() => void) | undefined }

export const TurnView = memo(({ turn, isLive, onRetry }: Props) => {
  void turn.version.value
  const isOver = !isLive
  return (
    <article class={`turn ${turn.role}`} aria-busy={isLive}>
      <h2 class="author">{authors[turn.role]}</h2>
      {turn.parts.map((part, index) => (
        <PartView key={index} part={part} runId={turn.runId} isOver={isOver} />
      ))}
      {isLive && turn.openApproval === null ? <p class="busy">Working</p> : null}
      <TurnFooter turn={turn} onRetry={onRetry} />
    </article>
  )
})

function PartView({ part, runId, isOver }: { part: Part; runId: string | null; isOver: boolean }) {
  switch (part.kind) {
    case 'text':
      return <Markdown blocks={part.blocks} />
    case 'thinking':
      return (
        <details class="thinking">
          <summary>Thinking</summary>
          <p class="plain">{part.text}</p>
        </details>
      )
    case 'tool':
      // In a run, the question itself is shown instead.
      return part.name === 'AskUserQuestion' && runId !== null ? null : <ToolCall tool={part} isOver={isOver} />
    case 'approval':
      return <ApprovalCard runId={runId ?? ''} approval={part.approval} decision={part.decision} isOver={isOver} />
    case 'compaction':
      return (
        <details class="thinking">
          <summary>
            Compacted here{part.tokens === null ? '' : `, at ${count(part.tokens)} tokens`}: Claude continues from a
            summary
          </summary>
          <p class="plain">{part.summary ?? 'The summary is not in the file.'}</p>
        </details>
      )
    case 'note':
      return <p class="note">{part.text}</p>
  }
}

function TurnFooter({ turn, onRetry }: { turn: Turn; onRetry: (() => void) | undefined }) {
  const { end } = turn
  if (end === null) return null
  const retry =
    onRetry === undefined ? null : (
      <button type="button" class="quiet" onClick={onRetry}>
        Try again
      </button>
    )
  if (end.outcome === 'error') {
    return (
      <div class={end.code === 'cancelled' ? 'note' : 'error'} role="status">
        <p>
          {errorTexts[end.code] ?? end.text} {end.code === 'cancelled' ? null : <code>{end.code}</code>}
        </p>
        {retry}
      </div>
    )
  }
  const { reply } = end
  const { usage } = reply as { usage: { input_tokens?: number; output_tokens?: number } }
  const facts = [
    reply.model,
    seconds(reply.duration_ms),
    usage.output_tokens === undefined ? '' : `${count(usage.input_tokens ?? 0)} in, ${count(usage.output_tokens)} out`,
    reply.cost_usd === null ? '' : money(reply.cost_usd),
    reply.stop_reason === null || reply.stop_reason === 'end_turn' ? '' : `stop reason: ${reply.stop_reason}`,
  ]
  return (
    <>
      {reply.structured_output === null || reply.structured_output === undefined ? null : (
        <CodeBlock text={JSON.stringify(reply.structured_output, null, 2)} language="json" />
      )}
      {reply.permission_denials.map(({ tool_name: name, tool_use_id: id }) => (
        <p class="note" key={id}>
          {name} was not allowed.
        </p>
      ))}
      <footer>
        <span>{facts.filter((fact) => fact !== '').join(' · ')}</span>
        <CopyButton text={() => turn.text || reply.result} label="Copy" />
        {retry}
      </footer>
    </>
  )
}
