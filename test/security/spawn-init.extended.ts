// The combinations that spawn-init.test.ts leaves out.
import './spawn-init.test.ts'
