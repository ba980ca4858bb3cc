// A tool call: a one-line summary that opens to show its input and result.
import type { Part } from '../lib/turn.ts'
import { CodeBlock } from './code-block.tsx'

/** Longer results are cut off when shown, in characters. */
const resultCharsMax = 20_000

/** Input fields that summarize a call; the first one present is shown. */
const summaryFields = ['command', 'file_path', 'path', 'pattern', 'url', 'query', 'description', 'prompt']

function summaryOf(input: unknown): string {
  if (typeof input !== 'object' || input === null) return ''
  const fields = input as Record<string, unknown>
  const name = summaryFields.find((each) => typeof fields[each] === 'string')
  return name === undefined ? '' : String(fields[name]).split('\n', 1)[0]?.slice(0, 200) || ''
}

/** The complete input: nobody should allow a tool without having seen all of it. */
export function ToolInput({ input }: { input: unknown }) {
  const { command, ...others } = Object(input) as Record<string, unknown>
  if (typeof command !== 'string') return <CodeBlock text={JSON.stringify(input, null, 2)} language="json" />
  return (
    <>
      <CodeBlock text={command} language="bash" />
      {Object.keys(others).length === 0 ? null : <CodeBlock text={JSON.stringify(others, null, 2)} language="json" />}
    </>
  )
}

export function ToolCall({ tool, isOver }: { tool: Extract<Part, { kind: 'tool' }>; isOver: boolean }) {
  const { name, input, result } = tool
  const state = result === null ? (isOver ? 'no result' : 'in progress') : result.isError ? 'failed' : 'done'
  return (
    <details class={`tool ${state.replace(' ', '-')}`}>
      <summary>
        <b>{name}</b> <span class="summary">{summaryOf(input)}</span> <span class="state">{state}</span>
      </summary>
      <ToolInput input={input} />
      {result === null ? null : (
        <>
          <h4>{result.isError ? 'Error' : 'Result'}</h4>
          <CodeBlock text={truncate(result.text) || '(empty)'} language="" />
        </>
      )}
    </details>
  )
}

const truncate = (text: string) =>
  text.length <= resultCharsMax
    ? text
    : `${text.slice(0, resultCharsMax)}\n… ${text.length - resultCharsMax} more characters`
