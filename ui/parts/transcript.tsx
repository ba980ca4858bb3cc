// The messages of a conversation, one below the other. It stays at the end while an answer grows, unless somebody has scrolled up.
import { useSignalEffect } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import type { Conversation } from '../lib/conversation.ts'
import { TurnView } from './turn-view.tsx'

/** So near to the end is at the end, in pixels. */
const nearPx = 80

export function Transcript({
  conversation,
  onRetry,
}: {
  conversation: Conversation
  onRetry?: (() => void) | undefined
}) {
  const list = useRef<HTMLDivElement>(null)
  const isAtEnd = useRef(true)
  const toEnd = () => {
    if (isAtEnd.current) scrollTo({ top: document.documentElement.scrollHeight })
  }
  useEffect(() => {
    const onScroll = () => {
      isAtEnd.current = innerHeight + scrollY >= document.documentElement.scrollHeight - nearPx
    }
    addEventListener('scroll', onScroll, { passive: true })
    const watch = new ResizeObserver(toEnd)
    if (list.current !== null) watch.observe(list.current)
    return () => {
      removeEventListener('scroll', onScroll)
      watch.disconnect()
    }
  }, [])
  // What one has just said is always looked at.
  useSignalEffect(() => {
    if (!conversation.isSending.value) return
    isAtEnd.current = true
    requestAnimationFrame(toEnd)
  })
  const turns = conversation.turns.value
  const runId = conversation.runId.value
  return (
    <div class="transcript" ref={list}>
      {turns.map((turn, at) => {
        const isLast = at === turns.length - 1
        return (
          <TurnView
            key={turn.id}
            turn={turn}
            isLive={runId !== null && turn.runId === runId}
            onRetry={isLast && runId === null ? onRetry : undefined}
          />
        )
      })}
    </div>
  )
}
