// Every place on the way to a file or folder, as the system goes it: each folder, each link before it is followed, and where it leads.
// Whoever can change one of them decides what is found at the end.
import { lstatSync, readlinkSync } from 'node:fs'
import { dirname, join, parse, resolve, sep } from 'node:path'

/** As many links as systems follow. */
const linksMax = 40

const segmentsOf = (path: string) =>
  path
    .slice(parse(path).root.length)
    .split(sep)
    .filter((part) => part !== '')

function linkAt(path: string): string | null {
  try {
    return lstatSync(path).isSymbolicLink() ? readlinkSync(path) : null
  } catch {
    // What is missing can still be made.
    return null
  }
}

/** The last one is the file itself. */
export function stepsTo(path: string): string[] {
  const steps: string[] = []
  let rest = segmentsOf(resolve(path))
  let place = parse(resolve(path)).root
  for (let links = 0; rest.length > 0; ) {
    const [first = '', ...others] = rest
    const next = join(place, first)
    steps.push(next)
    const target = linkAt(next)
    if (target === null || ++links > linksMax) {
      place = next
      rest = others
      continue
    }
    const led = resolve(dirname(next), target)
    place = parse(led).root
    rest = [...segmentsOf(led), ...others]
  }
  return steps
}
