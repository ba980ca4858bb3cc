// Which view is shown: the part of the address after the #, which no server ever sees.
import { computed, signal } from '@preact/signals'

const hash = signal(location.hash)
addEventListener('hashchange', () => {
  hash.value = location.hash
})

export type Place = { view: string; id: string | null }

/** `#/runs/run_1` is the view `runs` with the id `run_1`. What is no id of ours is none: ids become part of the API's paths. */
export const place = computed<Place>(() => {
  const [, view = 'chat', id = null] = hash.value.replace(/^#/, '').split('/')
  return { view, id: id !== null && /^[\w-]+$/.test(id) ? id : null }
})

export const hrefOf = (view: string, id?: string) => `#/${view}${id === undefined ? '' : `/${id}`}`

export function go(view: string, id?: string): void {
  location.hash = hrefOf(view, id)
}

/** The same view by another address: no step back leads to the former one. */
export function replacePlace(view: string, id?: string): void {
  history.replaceState(null, '', hrefOf(view, id))
  hash.value = location.hash
}
