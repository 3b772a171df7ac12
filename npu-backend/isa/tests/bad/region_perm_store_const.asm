# E_REGION_PERM @0: a store to the constants
.config tiny-fuzz
.regions r1=4096 r2=4096 r3=4096
.zero 64
ST.st region=R0 n=[16,1,1,1] # fix: ST.st region=R3 n=[16,1,1,1]
VX.halt
