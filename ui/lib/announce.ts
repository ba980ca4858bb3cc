// What a screen reader is told of what happens: a sentence now and then, never the words of an answer as they come.
import { signal } from '@preact/signals'

export const announcement = signal('')

export function announce(text: string): void {
  announcement.value = text
}
