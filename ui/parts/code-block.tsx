// A code block: its language, a copy button, and syntax highlighting once it is loaded.
import { useSignal } from '@preact/signals'
import { memo } from 'preact/compat'
import { useEffect } from 'preact/hooks'
import type { HighlightedText } from '../lib/highlight.ts'
import { CopyButton } from './copy-button.tsx'

/** Longer blocks are not highlighted: it would be noticeably slow. */
const highlightCharsMax = 20_000
/** Waits for a pause, so that a block is not highlighted again with each word that arrives. */
const delayMs = 300

/** Characters that change the order in which others are shown: what you read would not be what is run. */
const bidiControls = /[\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/g

const revealBidiControls = (text: string) =>
  text.replace(bidiControls, (char) => `⟦U+${char.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}⟧`)

export const CodeBlock = memo(({ text: source, language }: { text: string; language: string }) => {
  const text = revealBidiControls(source)
  const highlighted = useSignal<HighlightedText[] | null>(null)
  useEffect(() => {
    highlighted.value = null
    if (language === '' || text.length > highlightCharsMax) return
    let isCurrent = true
    const timer = setTimeout(async () => {
      const { highlight } = await import('../lib/highlight.ts')
      if (isCurrent) highlighted.value = highlight(text, language.toLowerCase())
    }, delayMs)
    return () => {
      isCurrent = false
      clearTimeout(timer)
    }
  }, [text, language])
  return (
    <figure class="code">
      <figcaption>
        <span>{language || 'text'}</span>
        <CopyButton text={() => source} label="Copy code" />
      </figcaption>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: wide code must be scrollable with the arrow keys */}
      <pre tabIndex={0}>
        <code>
          {highlighted.value === null
            ? text
            : highlighted.value.map(({ text: piece, className }, index) =>
                className === null ? (
                  piece
                ) : (
                  <span key={index} class={className}>
                    {piece}
                  </span>
                ),
              )}
        </code>
      </pre>
    </figure>
  )
})
