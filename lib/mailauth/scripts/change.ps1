function Get-Rows {
    # Returns what a look finds; nothing where the service says that there is no such object.
    param([scriptblock] $Look)
    try { & $Look }
    catch {
        if ((Get-ErrorText $_) -notmatch 'ManagementObjectNotFoundException|ResourceNotFound|NotFound \(Not Found\)|404 Not Found') { throw }
    }
}

function Get-Canonical {
    # Returns text that is equal where two values say the same: lists in any order, nothing like empty.
    param($Value)
    if ($null -eq $Value) { return '' }
    $Culture = [System.Globalization.CultureInfo]::InvariantCulture
    if ($Value -is [System.Collections.IDictionary]) {
        $Parts = @(foreach ($Key in $Value.Keys) {
            $Held = Get-Canonical $Value[$Key]
            if ($Held -ne '') { [string] $Key + '=' + $Held }
        })
        [array]::Sort($Parts, [System.StringComparer]::Ordinal)
        return '{' + ($Parts -join ';') + '}'
    }
    if ($Value -isnot [string] -and $Value -is [System.Collections.IEnumerable]) {
        $Parts = @(foreach ($Each in $Value) { Get-Canonical $Each })
        if ($Parts.Count -eq 0) { return '' }
        [array]::Sort($Parts, [System.StringComparer]::Ordinal)
        return '[' + ($Parts -join ';') + ']'
    }
    # PowerShell 7 makes dates of what looks like one, Windows PowerShell leaves it as text.
    if ($Value -is [string] -and $Value -match '^\d{4}-\d\d-\d\dT[\d:.]+Z$') { $Value = [System.DateTimeOffset]::Parse($Value, $Culture).UtcDateTime }
    if ($Value -is [datetime]) { $Text = $Value.ToUniversalTime().ToString('yyyy-MM-ddTHH:mm:ss.FFFFFFF', $Culture) }
    else { $Text = [string] $Value }
    if ($Text -eq '') { return '' }
    return [string] $Text.Length + ':' + $Text
}

function Test-Same {
    # Compares two values letter by letter: -eq passes over letters of no width.
    param($One, $Other)
    return [string]::Equals((Get-Canonical $One), (Get-Canonical $Other), [System.StringComparison]::Ordinal)
}

function Test-Holds {
    # Whether a field has a value, or holds it where it is a list; upper and lower case are the same.
    param($Found, $Wanted)
    if ($Found -isnot [string] -and $Found -is [System.Collections.IEnumerable]) {
        foreach ($Each in $Found) { if (Test-Holds $Each $Wanted) { return $true } }
        return $false
    }
    if ($null -eq $Found -or $null -eq $Wanted) { return $null -eq $Found -and $null -eq $Wanted }
    return [string]::Equals([string] $Found, [string] $Wanted, [System.StringComparison]::OrdinalIgnoreCase)
}

function Get-Seen {
    # Looks at what a step changes, and returns the fields that it compares; nothing where no row fits. Notes ids in $Known.
    param([hashtable] $Step)
    $Row = $Step['Row']
    $Wanted = & $Step['Where']
    $Rows = @(Get-Rows $Step['Look'] | Where-Object { $null -ne $_ })
    if ($Step['Inside']) {
        $Rows = @(foreach ($Each in $Rows) {
            $List = Get-Field $Each $Step['Inside']
            foreach ($Item in $List) { $Item }
        })
    }
    foreach ($Candidate in $Rows) {
        $Fits = $true
        foreach ($Name in $Wanted.Keys) { if (-not (Test-Holds (Get-Field $Candidate $Name) $Wanted[$Name])) { $Fits = $false } }
        if (-not $Fits) { continue }
        foreach ($Name in $Step['Binds'].Keys) { $Known[$Name] = [string] (Get-Field $Candidate $Step['Binds'][$Name]) }
        $Seen = @{}
        foreach ($Name in $Step['Fields']) {
            $Seen[$Name] = Get-Field $Candidate $Name
            # Exchange writes a policy by its name or by its distinguished name.
            if ($Name -clike '*AuthenticationPolicy') { $Seen[$Name] = Get-CommonName $Seen[$Name] }
            if ($Step['Flags'] -contains $Name -and $null -eq $Seen[$Name]) { $Seen[$Name] = $false }
            if ($Step['Words'] -contains $Name) { $Seen[$Name] = @(([string] $Seen[$Name]).Split(' ') | Where-Object { $_ }) }
        }
        return $Seen
    }
    return $null
}

function Get-Lacking {
    # Returns the ids that a step needs and nothing has told.
    param([hashtable] $Step)
    foreach ($Name in $Step['Needs']) { if (-not $Known[$Name]) { $Name } }
}

function Test-Emptied {
    # Whether a version of what a step changes has fields, and nothing in any of them.
    param($Version)
    return $Version -is [System.Collections.IDictionary] -and $Version.Count -gt 0 -and (Get-Canonical $Version) -eq '{}'
}

function Get-Standing {
    # Returns before, after or foreign: which side of a step the tenant is on. Or unknown, where an id that it needs is.
    param([hashtable] $Step)
    $Row = $Step['Row']
    $Lacking = @(Get-Lacking $Step)
    if ($Lacking.Count -gt 0) {
        # Where what a thing stands on is not there, the thing is not there either.
        if (-not $WhatIfPreference -and $null -eq (& $Step['After'])) { return 'after' }
        $Step['Seen'] = 'no ' + ($Lacking -join ', ')
        return 'unknown'
    }
    $Step['Seen'] = Get-Seen $Step
    $After = & $Step['After']
    if (Test-Same $Step['Seen'] $After) { return 'after' }
    # What was to be taken out of a thing is gone where the thing itself is. A mailbox that is not found by an address may
    # be called otherwise by now; by its id it is gone.
    if ($Step['Alone']) { $Gone = (& $Step['Where']).Contains('ExternalDirectoryObjectId') } else { $Gone = Test-Emptied $After }
    if ($Gone -and $null -eq $Step['Seen'] -and $null -ne (& $Step['Before'])) { return 'after' }
    if (Test-Same $Step['Seen'] (& $Step['Before'])) { return 'before' }
    return 'foreign'
}

function Get-Shown {
    # Returns a value as a person can read it.
    param($Value)
    if ($null -eq $Value) { return 'nothing there' }
    return ConvertTo-Json -InputObject $Value -Depth 20 -Compress
}

function Test-Wanted {
    # Whether a step is still to be sent. Stops where somebody else has changed what it changes, but where a setting of
    # one mailbox is taken back: that is left to whoever changed it.
    param([hashtable] $Step)
    $Row = $Step['Row']
    $Standing = Get-Standing $Step
    $Step['Outcome'] = 'already'
    if ($Standing -eq 'after') { return $false }
    $Step['Outcome'] = 'not done'
    if ($Standing -eq 'before' -or ($Standing -eq 'unknown' -and $WhatIfPreference)) { return $true }
    if ($Standing -eq 'unknown') { throw ('Stopped before "' + $Step['Title'] + '": ' + $Step['Seen'] + '. A step before this one makes it.') }
    $Versions = 'Found ' + (Get-Shown $Step['Seen']) + '; when this was planned ' + (Get-Shown (& $Step['Before'])) + '; wanted ' + (Get-Shown (& $Step['After'])) + '.'
    if ($Step['Alone']) {
        $Step['Outcome'] = 'foreign'
        Write-Warning -Message ('Left as it is: "' + $Step['Title'] + '". Somebody else was here. ' + $Versions)
        return $false
    }
    throw ('Stopped before "' + $Step['Title'] + '": somebody else was here. ' + $Versions + ' Make a new plan.')
}

function Wait-Done {
    # Looks until a step shows, for services answer before all of their servers know.
    param([hashtable] $Step)
    $Until = (Get-Date).AddSeconds($WaitSeconds)
    while ((Get-Standing $Step) -ne 'after') {
        if ((Get-Date) -gt $Until) { throw ('Sent, and not to be seen after ' + $WaitSeconds + ' seconds: "' + $Step['Title'] + '". Found ' + (Get-Shown $Step['Seen']) + '. Run this script again later: it sends only what is missing.') }
        Start-Sleep -Seconds 5
    }
    $Step['Outcome'] = 'done'
}

function Invoke-Patiently {
    # Sends, and again for two minutes where the service says that it does not know yet what was made just now.
    param([scriptblock] $Send)
    $Until = (Get-Date).AddSeconds(120)
    while ($true) {
        try { return (& $Send) }
        catch {
            if ((Get-Date) -gt $Until -or (Get-ErrorText $_) -notmatch 'NoBackingApplicationObject|Request_ResourceNotFound|ManagementObjectNotFoundException') { throw }
        }
        Start-Sleep -Seconds 5
    }
}

function ConvertTo-Body {
    # Returns JSON in ASCII, so that no version's idea of a default encoding can change a letter.
    param($Value)
    $Json = ConvertTo-Json -InputObject $Value -Depth 20 -Compress
    return [regex]::Replace($Json, '[^\x00-\x7f]', { param($Match) '\u' + ([int] [char] $Match.Value).ToString('x4') })
}
