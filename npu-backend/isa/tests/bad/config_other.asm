# E_CONFIG: made for another machine
.config edge-256 # fix: .config tiny-fuzz
.regions r1=64 r2=64 r3=64
VX.halt
