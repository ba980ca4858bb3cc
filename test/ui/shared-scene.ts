// The server and the browser that the cases of page.test.ts share, and those of page-details.test.ts.
import { openPageScene } from './page-scene.ts'

export const scene = await openPageScene()
