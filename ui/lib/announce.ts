// Announcements for screen readers: an occasional sentence about what happened, never the streamed text of an answer.
import { signal } from '@preact/signals'

export const announcement = signal('')

export function announce(text: string): void {
  announcement.value = text
}
