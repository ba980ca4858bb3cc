// The server and the browser that the cases of page.test.ts share.
import { openPageScene } from './page-scene.ts'

export const scene = await openPageScene()
