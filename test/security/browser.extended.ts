// The combinations that browser.test.ts leaves out.
import './browser.test.ts'
