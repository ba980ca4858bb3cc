// The messages of a conversation. It stays scrolled to the end while an answer grows, unless the user has scrolled up.
import { useSignalEffect } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import type { Conversation } from '../lib/conversation.ts'
import { TurnView } from './turn-view.tsx'

/** This close to the end counts as the end, in pixels. */
const endTolerancePx = 80

export function Transcript({
  conversation,
  onRetry,
}: {
  conversation: Conversation
  onRetry?: (() => void) | undefined
}) {
  const list = useRef<HTMLDivElement>(null)
  const isAtEnd = useRef(true)
  const scrollToEnd = () => {
    if (isAtEnd.current) scrollTo({ top: document.documentElement.scrollHeight })
  }
  useEffect(() => {
    let lastTop = scrollY
    const onScroll = () => {
      const isUp = scrollY < lastTop
      lastTop = scrollY
      // The answer may have grown since the page was scrolled to its end: only the user scrolls up.
      if (innerHeight + scrollY >= document.documentElement.scrollHeight - endTolerancePx) isAtEnd.current = true
      else if (isUp) isAtEnd.current = false
    }
    addEventListener('scroll', onScroll, { passive: true })
    const observer = new ResizeObserver(scrollToEnd)
    if (list.current !== null) observer.observe(list.current)
    return () => {
      removeEventListener('scroll', onScroll)
      observer.disconnect()
    }
  }, [])
  // Sending a prompt always scrolls to it.
  useSignalEffect(() => {
    if (!conversation.isSending.value) return
    isAtEnd.current = true
    requestAnimationFrame(scrollToEnd)
  })
  const turns = conversation.turns.value
  const runId = conversation.runId.value
  return (
    <div class="transcript" ref={list}>
      {turns.map((turn, index) => {
        const isLast = index === turns.length - 1
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
