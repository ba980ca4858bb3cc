// A block of code: its language, a button that copies it, and colours once they are there.
import { useSignal } from '@preact/signals'
import { memo } from 'preact/compat'
import { useEffect } from 'preact/hooks'
import type { Coloured } from '../lib/highlight.ts'
import { CopyButton } from './copy-button.tsx'

/** Longer ones stay black and white: colouring them would be felt. */
const colouredCharsMax = 20_000
/** A block that is still being written is not coloured with each word. */
const restMs = 300

/** Signs that change the order in which the others are shown: what is run would not be what is read. */
const turning = /[\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/g

const withMarks = (text: string) =>
  text.replace(turning, (sign) => `⟦U+${sign.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}⟧`)

export const CodeBlock = memo(({ text: given, language }: { text: string; language: string }) => {
  const text = withMarks(given)
  const coloured = useSignal<Coloured[] | null>(null)
  useEffect(() => {
    coloured.value = null
    if (language === '' || text.length > colouredCharsMax) return
    let isCurrent = true
    const timer = setTimeout(async () => {
      const { highlight } = await import('../lib/highlight.ts')
      if (isCurrent) coloured.value = highlight(text, language.toLowerCase())
    }, restMs)
    return () => {
      isCurrent = false
      clearTimeout(timer)
    }
  }, [text, language])
  return (
    <figure class="code">
      <figcaption>
        <span>{language || 'text'}</span>
        <CopyButton text={() => given} label="Copy code" />
      </figcaption>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what is too wide must be reachable with the arrow keys */}
      <pre tabIndex={0}>
        <code>
          {coloured.value === null
            ? text
            : coloured.value.map(({ text: piece, kind }, at) =>
                kind === null ? (
                  piece
                ) : (
                  <span key={at} class={kind}>
                    {piece}
                  </span>
                ),
              )}
        </code>
      </pre>
    </figure>
  )
})
